// SPDX-License-Identifier: 0BSD
// FIRST * in0 + SECOND * in1 + CONSTANT, lane by lane; BITS hold every result.
// Latency 2: the products, the constant added to the first; then the sum.
module qc_add #(
    parameter int unsigned       LANES = 1,
    parameter int unsigned       FIRST_BITS = 8,
    parameter bit                FIRST_SIGNED = 1'b1,
    parameter int unsigned       SECOND_BITS = 8,
    parameter bit                SECOND_SIGNED = 1'b1,
    parameter int unsigned       BITS = 9,
    parameter logic [  BITS-1:0] FIRST = '0,
    parameter logic [  BITS-1:0] SECOND = '0,
    parameter logic [  BITS-1:0] CONSTANT = '0
) (
    input  logic                         clk,
    input  logic                         advance,
    input  logic [ LANES*FIRST_BITS-1:0] in0,
    input  logic [LANES*SECOND_BITS-1:0] in1,
    output logic [       LANES*BITS-1:0] out
);
    for (genvar i = 0; i < LANES; i++) begin : lane
        logic signed [FIRST_BITS:0] a;
        logic signed [SECOND_BITS:0] b;
        logic [BITS-1:0] first_product, second_product, first, second;
        logic unused;

        assign a = {
            FIRST_SIGNED && in0[i*FIRST_BITS + FIRST_BITS-1], in0[i*FIRST_BITS +: FIRST_BITS]
        };
        assign b = {
            SECOND_SIGNED && in1[i*SECOND_BITS + SECOND_BITS-1], in1[i*SECOND_BITS +: SECOND_BITS]
        };
        assign unused = &{1'b0, a, b};

        qc_mul_constant #(.BITS(BITS), .CONSTANT(FIRST)) u_first (
            .in(BITS'(a)), .out(first_product)
        );
        qc_mul_constant #(.BITS(BITS), .CONSTANT(SECOND)) u_second (
            .in(BITS'(b)), .out(second_product)
        );

        always_ff @(posedge clk)
            if (advance) begin
                first <= first_product + CONSTANT;
                second <= second_product;
                out[i*BITS +: BITS] <= first + second;
            end
    end
endmodule
