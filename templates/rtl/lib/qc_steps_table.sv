// SPDX-License-Identifier: 0BSD
// The table of one level, read into a register: from FILES with two digits and ".mem" after it, or
// from word FIRST of WORDS on, where no file is named. Without REGISTER it is combinational.
module qc_steps_table #(
    parameter  int unsigned WIDTH = 8,
    parameter  int unsigned DEPTH = 2,
    parameter  bit          REGISTER = 1'b1,
    parameter               FILES = "",
    parameter  int unsigned LEVEL = 0,
    parameter               WORDS = 1'b0,
    parameter  int unsigned FIRST = 0,
    localparam int unsigned AT_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input  logic               clk,
    input  logic               advance,
    input  logic [AT_BITS-1:0] at,
    output logic [  WIDTH-1:0] word
);
    logic [WIDTH-1:0] words[DEPTH];

    if (FILES != "") begin : from_file
        localparam logic [15:0] DIGITS = {8'(48 + LEVEL / 10), 8'(48 + LEVEL % 10)};
        initial $readmemh({FILES, DIGITS, ".mem"}, words);
    end else begin : from_literal
        initial for (int i = 0; i < DEPTH; i++) words[i] = WORDS[(FIRST+i)*WIDTH +: WIDTH];
    end

    if (REGISTER) begin : read
        always_ff @(posedge clk)
            if (advance) word <= words[at];
    end else begin : read
        logic unused;
        assign unused = &{1'b0, clk, advance};
        assign word = words[at];
    end
endmodule
