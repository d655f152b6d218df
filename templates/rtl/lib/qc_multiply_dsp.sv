// SPDX-License-Identifier: 0BSD
// x * w, w signed, in a DSP with its product register.
module qc_multiply_dsp #(
    parameter int X = 8,
    parameter bit X_SIGNED = 0,
    parameter int W = 8
) (
    input logic clk,
    input logic en,
    input logic [X-1:0] x,
    input logic [W-1:0] w,
    output logic signed [X+W-1:0] product
);
    localparam int A = X_SIGNED ? X : X + 1;
    logic signed [A-1:0] a;
    logic signed [W-1:0] b;
    logic signed [A+W-1:0] q;
    logic unused;
    if (X_SIGNED) begin : g_sign
        assign a = x;
    end else begin : g_zeros
        assign a = {1'b0, x};
    end
    assign b = w;
    assign unused = &{1'b0, q};
    always_ff @(posedge clk) if (en) q <= a * b;
    assign product = q[X+W-1:0];
endmodule
