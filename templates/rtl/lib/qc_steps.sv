// SPDX-License-Identifier: 0BSD
// A staircase of one lane by binary search: VALUES[n], where n of the sorted breaks are <= in.
// Level i compares with one of its 2^i breaks, found by the results before it; its table and the
// values are read into registers. Tables: FILES with "00.mem", "01.mem" ... after it, one a level
// and one for the values, [fold][step]; or BREAKS, level after level, and VALUES, for one fold.
// Latency LEVELS, one more with several folds.
module qc_steps #(
    parameter  int unsigned LEVELS = 1,
    parameter  int unsigned FOLDS = 1,
    parameter  int unsigned IN_BITS = 8,
    parameter  bit          IN_SIGNED = 1'b1,
    parameter  int unsigned BREAK_BITS = 8,
    parameter  bit          BREAK_SIGNED = 1'b1,
    parameter  int unsigned OUT_BITS = 8,
    parameter                                         FILES = "",
    parameter                                         BREAKS = 1'b0,
    parameter                                         VALUES = 1'b0,
    localparam int unsigned FOLD_BITS = FOLDS > 1 ? $clog2(FOLDS) : 1
) (
    input  logic                 clk,
    input  logic                 advance,
    input  logic [FOLD_BITS-1:0] fold,
    input  logic [  IN_BITS-1:0] in,
    output logic [ OUT_BITS-1:0] out
);
    localparam int unsigned AT = FOLDS > 1 ? FOLD_BITS : 0;  // address bits for the fold
    localparam int unsigned WIDE = IN_BITS > BREAK_BITS ? IN_BITS + 1 : BREAK_BITS + 1;

    for (genvar i = 0; i < LEVELS; i++) begin : level
        logic [IN_BITS-1:0] code;
        logic [FOLD_BITS-1:0] row;
        logic [BREAK_BITS-1:0] limit;
        logic [i:0] step;  // the comparisons so far, this one last
        logic signed [IN_BITS:0] a;
        logic signed [BREAK_BITS:0] b;
        logic reached;

        assign a = {IN_SIGNED && code[IN_BITS-1], code};
        assign b = {BREAK_SIGNED && limit[BREAK_BITS-1], limit};
        assign reached = WIDE'(a) >= WIDE'(b);

        if (i == 0) begin : start
            assign step = reached;
        end else begin : start
            logic [i-1:0] earlier;
            always_ff @(posedge clk)
                if (advance) earlier <= level[i-1].step;
            assign step = {earlier, reached};
        end

        if (i == 0 && FOLDS == 1) begin : enter
            assign code = in;
            assign row = fold;
            qc_steps_table #(
                .WIDTH(BREAK_BITS), .DEPTH(1), .REGISTER(1'b0), .FILES(FILES), .WORDS(BREAKS)
            ) u_breaks (.clk, .advance, .at(1'b0), .word(limit));
        end else if (i == 0) begin : enter
            qc_delay #(.WIDTH(IN_BITS + FOLD_BITS)) u_delay (
                .clk, .en(advance), .d({in, fold}), .q({code, row})
            );
            qc_steps_table #(.WIDTH(BREAK_BITS), .DEPTH(FOLDS), .FILES(FILES)) u_breaks (
                .clk, .advance, .at(fold), .word(limit)
            );
        end else begin : enter
            qc_delay #(.WIDTH(IN_BITS + FOLD_BITS)) u_delay (
                .clk, .en(advance), .d({level[i-1].code, level[i-1].row}), .q({code, row})
            );
            qc_steps_table #(
                .WIDTH(BREAK_BITS), .DEPTH(FOLDS * 2**i), .FILES(FILES), .LEVEL(i),
                .WORDS(BREAKS), .FIRST(2**i - 1)
            ) u_breaks (
                .clk, .advance, .at((AT + i)'({level[i-1].row, level[i-1].step})), .word(limit)
            );
        end
    end

    qc_steps_table #(
        .WIDTH(OUT_BITS), .DEPTH(FOLDS * 2**LEVELS), .FILES(FILES), .LEVEL(LEVELS),
        .WORDS(VALUES)
    ) u_values (
        .clk, .advance, .at((AT + LEVELS)'({level[LEVELS-1].row, level[LEVELS-1].step})),
        .word(out)
    );
endmodule
