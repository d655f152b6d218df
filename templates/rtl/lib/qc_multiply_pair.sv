// SPDX-License-Identifier: 0BSD
// x * low and x * high in one DSP, both weights signed: (high * 2^P + low) * x, P the bits of a
// product. The upper product is one too small where the lower one is negative: `carry` is due.
module qc_multiply_pair #(
    parameter int X = 8,
    parameter bit X_SIGNED = 0,
    parameter int W = 8
) (
    input logic clk,
    input logic en,
    input logic [X-1:0] x,
    input logic [W-1:0] low,
    input logic [W-1:0] high,
    output logic [X+W-1:0] low_product,
    output logic [X+W-1:0] high_product,
    output logic carry
);
    localparam int P = X + W;
    localparam int A = X_SIGNED ? X : X + 1;
    localparam int B = P + W + 1;
    logic signed [A-1:0] a;
    logic signed [B-1:0] b;
    logic signed [A+B-1:0] q;
    logic unused;
    if (X_SIGNED) begin : g_sign
        assign a = x;
    end else begin : g_zeros
        assign a = {1'b0, x};
    end
    assign b = (B'(signed'(high)) <<< P) + B'(signed'(low));
    always_ff @(posedge clk) if (en) q <= a * b;
    assign unused = &{1'b0, q};
    assign low_product = q[P-1:0];
    assign high_product = q[2*P-1:P];
    assign carry = q[P-1];
endmodule
