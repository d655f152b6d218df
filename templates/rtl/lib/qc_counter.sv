// SPDX-License-Identifier: 0BSD
// Counts 0 .. LIMIT - 1 and starts again; `last` tells that the count is LIMIT - 1.
module qc_counter #(
    parameter int LIMIT = 2,
    localparam int WIDTH = LIMIT > 1 ? $clog2(LIMIT) : 1
) (
    input logic clk,
    input logic rst,
    input logic step,
    output logic [WIDTH-1:0] count,
    output logic last
);
    if (LIMIT == 1) begin : g_single
        logic unused;
        assign unused = &{1'b0, clk, rst, step};
        assign count = '0;
        assign last = 1'b1;
    end else begin : g_many
        assign last = count == WIDTH'(LIMIT - 1);
        always_ff @(posedge clk) begin
            if (rst) count <= '0;
            else if (step) count <= last ? '0 : count + 1'b1;
        end
    end
endmodule
