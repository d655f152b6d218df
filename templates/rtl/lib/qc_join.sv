// SPDX-License-Identifier: 0BSD
// Whose turn it is: COUNTS[0] words of input 0, COUNTS[1] of input 1, ... and over again.
module qc_join #(
    parameter  int unsigned                  INPUTS = 2,
    parameter  int unsigned                  COUNT_BITS = 4,
    parameter  logic [INPUTS*COUNT_BITS-1:0] COUNTS = '1,
    localparam int unsigned                  TURN_BITS = $clog2(INPUTS)
) (
    input  logic                 clk,
    input  logic                 rst,
    input  logic                 fire,
    output logic [TURN_BITS-1:0] turn
);
    logic [COUNT_BITS-1:0] done, count;
    logic last;

    assign count = COUNTS[turn*COUNT_BITS +: COUNT_BITS];
    assign last = done + COUNT_BITS'(1) == count;

    always_ff @(posedge clk)
        if (rst) begin
            done <= '0;
            turn <= '0;
        end else if (fire) begin
            done <= last ? '0 : done + COUNT_BITS'(1);
            if (last) turn <= turn == TURN_BITS'(INPUTS - 1) ? '0 : turn + TURN_BITS'(1);
        end
endmodule
