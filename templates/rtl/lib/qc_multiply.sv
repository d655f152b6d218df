// SPDX-License-Identifier: 0BSD
// x * w in LUTs, w signed: the cheaper of two arrangements, with a register behind it if REGISTER.
module qc_multiply #(
    parameter int X = 8,
    parameter bit X_SIGNED = 0,
    parameter int W = 8,
    parameter bit REGISTER = 0
) (
    input logic clk,
    input logic en,
    input logic [X-1:0] x,
    input logic [X+1:0] triple,
    input logic [W-1:0] w,
    output logic [X+W-1:0] product
);
    logic [X+W-1:0] now;
    logic unused;
    assign unused = &{1'b0, clk, en, triple};
    if (X <= 3 && W > 2) begin : g_narrow
        qc_multiply_narrow #(.X(X), .X_SIGNED(X_SIGNED), .W(W)) u_rows (.x, .w, .product(now));
    end else begin : g_radix4
        qc_multiply_radix4 #(.X(X), .X_SIGNED(X_SIGNED), .W(W)) u_rows (
                .x, .triple, .w, .product(now)
        );
    end
    if (REGISTER) begin : g_register
        always_ff @(posedge clk) if (en) product <= now;
    end else begin : g_wire
        assign product = now;
    end
endmodule
