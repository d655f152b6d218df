// SPDX-License-Identifier: 0BSD
// The scalar products of PE rows of weights with x, one a row, some registers later:
// clog2(SIMD) levels of adders, and before them the products' own register where SIMD is 1 or
// DSPs multiply. `carries` are still to be added.
module qc_dots #(
    parameter int MULTIPLIER = 0,  // 0: LUTs, 1: a DSP a product, 2: a DSP for two rows
    parameter int PE = 1,
    parameter int SIMD = 1,
    parameter bit SHARED = 1,
    parameter int X = 8,
    parameter bit X_SIGNED = 0,
    parameter int W = 8,
    parameter int SUM = 16,
    localparam int LANES = SHARED ? SIMD : PE
) (
    input logic clk,
    input logic en,
    input logic [LANES*X-1:0] x,
    input logic [LANES*(X+2)-1:0] triple,
    input logic [PE*SIMD*W-1:0] weights,
    output logic [PE*SUM-1:0] totals,
    output logic [PE-1:0] carries
);
    localparam int P = X + W;  // bits of a product
    // Two products in 25 x 18 bits: the upper weight stands above a whole lower product.
    localparam bit FITS = P + W + 1 <= 25 && X + (X_SIGNED ? 0 : 1) <= 18;
    localparam int PAIRS = MULTIPLIER == 2 && SHARED && FITS ? PE / 2 : 0;
    logic [PE*SIMD*P-1:0] products;
    logic [PE*SIMD-1:0] due;
    logic unused;
    assign unused = &{1'b0, triple};

    for (genvar i = 0; i < PE; i++) begin : g_row
        for (genvar s = 0; s < SIMD; s++) begin : g_product
            localparam int LANE = SHARED ? s : i;
            localparam int AT = i * SIMD + s;
            if (MULTIPLIER == 0) begin : g_luts
                qc_multiply #(.X(X), .X_SIGNED(X_SIGNED), .W(W), .REGISTER(SIMD == 1)) u_product (
                    .clk, .en, .x(x[LANE*X+:X]), .triple(triple[LANE*(X+2)+:X+2]),
                    .w(weights[AT*W+:W]), .product(products[AT*P+:P])
                );
            end else if (i >= 2 * PAIRS) begin : g_dsp
                qc_multiply_dsp #(.X(X), .X_SIGNED(X_SIGNED), .W(W)) u_product (
                    .clk, .en, .x(x[LANE*X+:X]), .w(weights[AT*W+:W]), .product(products[AT*P+:P])
                );
            end else if (i % 2 == 0) begin : g_pair
                qc_multiply_pair #(.X(X), .X_SIGNED(X_SIGNED), .W(W)) u_product (
                    .clk, .en, .x(x[LANE*X+:X]), .low(weights[AT*W+:W]),
                    .high(weights[(AT+SIMD)*W+:W]), .low_product(products[AT*P+:P]),
                    .high_product(products[(AT+SIMD)*P+:P]), .carry(due[AT+SIMD])
                );
            end
        end
        if (i >= 2 * PAIRS || i % 2 == 0) begin : g_nothing_due
            assign due[i*SIMD+:SIMD] = '0;
        end
        qc_tree #(
            .COUNT(SIMD), .WIDTH(P), .SUM(SUM), .CARRY(i < 2 * PAIRS && i % 2 == 1)
        ) u_tree (
            .clk, .en, .terms(products[i*SIMD*P+:SIMD*P]), .due(due[i*SIMD+:SIMD]),
            .total(totals[i*SUM+:SUM]), .carry(carries[i])
        );
    end
endmodule
