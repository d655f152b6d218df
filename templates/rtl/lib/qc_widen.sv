// SPDX-License-Identifier: 0BSD
// PARTS narrow words become one wide word, the first in the low bits.
// A step an input word; the last of each PARTS writes. Latency 0.
module qc_widen #(
    parameter int WIDTH = 8,  // of a narrow word
    parameter int PARTS = 2
) (
    input logic clk,
    input logic rst,
    input logic [WIDTH-1:0] in_data,
    input logic in_valid,
    output logic in_ready,
    output logic [PARTS*WIDTH-1:0] out_data,
    output logic out_valid,
    input logic out_ready
);
    localparam int COUNT = PARTS > 1 ? $clog2(PARTS) : 1;
    logic [COUNT-1:0] part;
    logic last, fire, unused;
    logic [(PARTS-1)*WIDTH-1:0] kept;
    assign unused = &{1'b0, part};
    assign out_data = {in_data, kept};
    assign out_valid = in_valid && last;
    assign in_ready = !last || out_ready;
    assign fire = in_valid && in_ready;
    qc_counter #(.LIMIT(PARTS)) u_parts (.clk, .rst, .step(fire), .count(part), .last);
    always_ff @(posedge clk) if (fire) kept <= out_data[PARTS*WIDTH-1:WIDTH];
endmodule
