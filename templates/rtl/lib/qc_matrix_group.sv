// SPDX-License-Identifier: 0BSD
// The processing elements of one weight width: their weights, products, sums and accumulators.
//
// SHARED: all PEs meet the same SIMD lanes of x. Otherwise PE i meets lane i (depthwise, SIMD 1).
// An accumulator starts at the bias; arithmetic is modulo 2^SUM, and the last sum fits.
module qc_matrix_group #(
    parameter int MULTIPLIER = 0,  // 0: LUTs, 1: a DSP a product, 2: a DSP for two rows
    parameter int PE = 1,
    parameter int SIMD = 1,
    parameter bit SHARED = 1,
    parameter int TILES = 1,
    parameter int ROWS = 1,
    parameter int X = 8,  // bits of a lane of x
    parameter bit X_SIGNED = 0,
    parameter int STORED = 8,
    parameter int W = 8,
    parameter bit CODED = 0,
    parameter int STEP = 1,
    parameter int OFFSET = 1,
    parameter bit OFFSET_SIGNED = 0,
    parameter int BIAS = 1,
    parameter bit BIAS_SIGNED = 0,
    parameter int SUM = 16,
    parameter bit SUM_SIGNED = 1,
    parameter int OUT = 16,  // bits of a lane that leaves
    parameter WEIGHTS = "",
    parameter OFFSETS = "",
    parameter BIASES = "",
    localparam int LANES = SHARED ? SIMD : PE,
    localparam int ROW = ROWS > 1 ? $clog2(ROWS) : 1,
    localparam int TILE = TILES > 1 ? $clog2(TILES) : 1
) (
    input logic clk,
    input logic advance,
    input logic accumulate,
    input logic first,
    input logic [ROW-1:0] row,
    input logic [ROW-1:0] late_row,
    input logic [TILE-1:0] tile,
    input logic [LANES*X-1:0] x,
    input logic [LANES*(X+2)-1:0] triple,
    output logic [PE*OUT-1:0] lanes
);
    logic [PE*SIMD*W-1:0] weights;
    logic [PE*BIAS-1:0] biases;
    logic [PE*SUM-1:0] totals;
    logic [PE-1:0] carries;
    qc_matrix_weights #(
        .PE(PE), .SIMD(SIMD), .TILES(TILES), .ROWS(ROWS), .STORED(STORED), .BITS(W),
        .CODED(CODED), .STEP(STEP), .OFFSET(OFFSET), .OFFSET_SIGNED(OFFSET_SIGNED),
        .WEIGHTS(WEIGHTS), .OFFSETS(OFFSETS)
    ) u_weight (.clk, .en(advance), .row, .tile, .weights);
    qc_rom #(.WIDTH(PE * BIAS), .DEPTH(ROWS), .FILE(BIASES)) u_bias_rom (
        .clk, .en(advance), .address(late_row), .q(biases)
    );
    qc_dots #(
        .MULTIPLIER(MULTIPLIER), .PE(PE), .SIMD(SIMD), .SHARED(SHARED), .X(X),
        .X_SIGNED(X_SIGNED), .W(W), .SUM(SUM)
    ) u_dots (.clk, .en(advance), .x, .triple, .weights, .totals, .carries);

    for (genvar i = 0; i < PE; i++) begin : g_pe
        logic signed [SUM-1:0] bias, sum;
        if (BIAS_SIGNED) begin : g_sign
            assign bias = SUM'(signed'(biases[i*BIAS+:BIAS]));
        end else begin : g_zeros
            assign bias = SUM'(biases[i*BIAS+:BIAS]);
        end
        if (MULTIPLIER == 2) begin : g_carry
            logic signed [SUM:0] more, left, right;  // the carry enters below the lowest bit
            logic unused_bit;
            assign unused_bit = more[0];
            assign left = {(first ? bias : sum), 1'b1};
            assign right = {totals[i*SUM+:SUM], carries[i]};
            assign more = left + right;
            always_ff @(posedge clk) if (accumulate) sum <= more[SUM:1];
        end else begin : g_no_carry
            logic unused_carry;
            assign unused_carry = carries[i];
            always_ff @(posedge clk) begin
                if (accumulate) sum <= (first ? bias : sum) + signed'(totals[i*SUM+:SUM]);
            end
        end
        if (SUM_SIGNED) begin : g_sign_out
            assign lanes[i*OUT+:OUT] = OUT'(sum);
        end else begin : g_zeros_out
            assign lanes[i*OUT+:OUT] = OUT'(unsigned'(sum));
        end
    end
endmodule
