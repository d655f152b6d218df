// SPDX-License-Identifier: 0BSD
// A row of constants for each fold; `word` belongs to the fold of AFTER + 1 steps before.
module qc_requant_rom #(
    parameter  int unsigned WIDTH = 8,
    parameter  int unsigned FOLDS = 2,
    parameter  int unsigned AFTER = 0,
    parameter               FILE = "",
    localparam int unsigned AT_BITS = $clog2(FOLDS)
) (
    input  logic               clk,
    input  logic               advance,
    input  logic [AT_BITS-1:0] fold,
    output logic [  WIDTH-1:0] word
);
    logic [AT_BITS-1:0] at;

    if (AFTER > 0) begin : late
        qc_delay #(.WIDTH(AT_BITS), .DEPTH(AFTER)) u_delay (.clk, .en(advance), .d(fold), .q(at));
    end else begin : late
        assign at = fold;
    end

    qc_rom #(.WIDTH(WIDTH), .DEPTH(FOLDS), .FILE(FILE)) u_rows (
        .clk, .en(advance), .address(at), .q(word)
    );
endmodule
