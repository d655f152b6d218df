// SPDX-License-Identifier: 0BSD
// One wide word becomes PARTS narrow words, that of the low bits first.
// A step an output word; the first of each PARTS reads. Latency 0.
module qc_narrow #(
    parameter int WIDTH = 8,  // of a narrow word
    parameter int PARTS = 2
) (
    input logic clk,
    input logic rst,
    input logic [PARTS*WIDTH-1:0] in_data,
    input logic in_valid,
    output logic in_ready,
    output logic [WIDTH-1:0] out_data,
    output logic out_valid,
    input logic out_ready
);
    localparam int COUNT = PARTS > 1 ? $clog2(PARTS) : 1;
    localparam int REST = (PARTS - 1) * WIDTH;
    logic [COUNT-1:0] part;
    logic first, last, fire, unused;
    logic [REST-1:0] kept;  // the parts that are still to leave
    assign unused = &{1'b0, last};
    assign first = part == '0;
    assign out_data = first ? in_data[WIDTH-1:0] : kept[WIDTH-1:0];
    assign out_valid = !first || in_valid;
    assign in_ready = first && out_ready;
    assign fire = out_valid && out_ready;
    qc_counter #(.LIMIT(PARTS)) u_parts (.clk, .rst, .step(fire), .count(part), .last);
    always_ff @(posedge clk) begin
        if (fire) kept <= first ? in_data[PARTS*WIDTH-1:WIDTH] : kept >> WIDTH;
    end
endmodule
