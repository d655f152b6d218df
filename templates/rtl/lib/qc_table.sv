// SPDX-License-Identifier: 0BSD
// A table of one lane, found by the low INDEX_BITS of a code: [fold][index]. Latency 1.
module qc_table #(
    parameter  int unsigned FOLDS = 1,
    parameter  int unsigned INDEX_BITS = 8,
    parameter  int unsigned IN_BITS = 8,
    parameter  int unsigned OUT_BITS = 8,
    parameter                                          FILES = "",
    parameter                                          VALUES = 1'b0,
    localparam int unsigned FOLD_BITS = FOLDS > 1 ? $clog2(FOLDS) : 1
) (
    input  logic                 clk,
    input  logic                 advance,
    input  logic [FOLD_BITS-1:0] fold,
    input  logic [  IN_BITS-1:0] in,
    output logic [ OUT_BITS-1:0] out
);
    localparam int unsigned AT = FOLDS > 1 ? FOLD_BITS : 0;  // address bits for the fold
    logic unused;

    assign unused = &{1'b0, in, fold};

    qc_steps_table #(
        .WIDTH(OUT_BITS), .DEPTH(FOLDS * 2**INDEX_BITS), .FILES(FILES), .LEVEL(0),
        .WORDS(VALUES)
    ) u_values (
        .clk, .advance, .at((AT + INDEX_BITS)'({fold, in[INDEX_BITS-1:0]})), .word(out)
    );
endmodule
