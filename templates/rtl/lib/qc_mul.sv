// SPDX-License-Identifier: 0BSD
// (in0 - FIRST) * (in1 - SECOND), lane by lane; BITS hold every result.
// Latency 2: the differences, of LEFT_BITS and RIGHT_BITS, both signed; then the product.
module qc_mul #(
    parameter int unsigned                    LANES = 1,
    parameter int unsigned                    FIRST_BITS = 8,
    parameter bit                             FIRST_SIGNED = 1'b1,
    parameter int unsigned                    SECOND_BITS = 8,
    parameter bit                             SECOND_SIGNED = 1'b1,
    parameter int unsigned                    LEFT_BITS = 9,
    parameter int unsigned                    RIGHT_BITS = 9,
    parameter int unsigned                    BITS = 16,
    parameter logic signed [   LEFT_BITS-1:0] FIRST = '0,
    parameter logic signed [  RIGHT_BITS-1:0] SECOND = '0
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
        logic signed [LEFT_BITS-1:0] left;
        logic signed [RIGHT_BITS-1:0] right;
        logic signed [LEFT_BITS+RIGHT_BITS-1:0] product;
        logic unused;  // bits that no result needs

        assign a = {
            FIRST_SIGNED && in0[i*FIRST_BITS + FIRST_BITS-1], in0[i*FIRST_BITS +: FIRST_BITS]
        };
        assign b = {
            SECOND_SIGNED && in1[i*SECOND_BITS + SECOND_BITS-1], in1[i*SECOND_BITS +: SECOND_BITS]
        };
        assign unused = &{1'b0, product};
        assign product = left * right;

        always_ff @(posedge clk)
            if (advance) begin
                left <= LEFT_BITS'(a) - FIRST;
                right <= RIGHT_BITS'(b) - SECOND;
                out[i*BITS +: BITS] <= BITS'(product);
            end
    end
endmodule
