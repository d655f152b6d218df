// SPDX-License-Identifier: 0BSD
// The loops of a sliding window: windows of a row, folds, kernel rows, kernel columns.
module qc_window_places #(
    parameter int KERNEL_H = 1,
    parameter int KERNEL_W = 1,
    parameter int FOLDS = 1,
    parameter int OUT_WIDTH = 1
) (
    input logic clk,
    input logic rst,
    input logic tap,
    output logic kx_last,
    output logic ky_last,
    output logic fold_last,
    output logic ox_last
);
    localparam int KX = KERNEL_W > 1 ? $clog2(KERNEL_W) : 1;
    localparam int KY = KERNEL_H > 1 ? $clog2(KERNEL_H) : 1;
    localparam int FOLD = FOLDS > 1 ? $clog2(FOLDS) : 1;
    localparam int OX = OUT_WIDTH > 1 ? $clog2(OUT_WIDTH) : 1;
    logic [KX-1:0] kx;
    logic [KY-1:0] ky;
    logic [FOLD-1:0] fold;
    logic [OX-1:0] ox;
    logic next_ky, next_fold, next_ox, unused;
    assign unused = &{1'b0, kx, ky, fold, ox};
    assign next_ky = tap && kx_last;
    assign next_fold = next_ky && ky_last;
    assign next_ox = next_fold && fold_last;
    qc_counter #(.LIMIT(KERNEL_W)) u_columns (.clk, .rst, .step(tap), .count(kx), .last(kx_last));
    qc_counter #(.LIMIT(KERNEL_H)) u_rows (.clk, .rst, .step(next_ky), .count(ky), .last(ky_last));
    qc_counter #(.LIMIT(FOLDS)) u_folds (
        .clk, .rst, .step(next_fold), .count(fold), .last(fold_last)
    );
    qc_counter #(.LIMIT(OUT_WIDTH)) u_windows (
        .clk, .rst, .step(next_ox), .count(ox), .last(ox_last)
    );
endmodule
