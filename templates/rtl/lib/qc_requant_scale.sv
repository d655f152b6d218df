// SPDX-License-Identifier: 0BSD
// multiplier * a + offset of each lane, exact at SUM_BITS.
// Latency 2: the product, then the sum; 1 where MULTIPLY_STAGE is 0, for multipliers +-2^n.
module qc_requant_scale #(
    parameter int unsigned LANES = 1,
    parameter int unsigned IN_BITS = 8,
    parameter bit          IN_SIGNED = 1'b1,
    parameter int unsigned MULTIPLIER_BITS = 8,
    parameter bit          MULTIPLIER_SIGNED = 1'b1,
    parameter int unsigned OFFSET_BITS = 8,
    parameter bit          OFFSET_SIGNED = 1'b1,
    parameter int unsigned SUM_BITS = 16,
    parameter bit          MULTIPLY_STAGE = 1'b1
) (
    input  logic                             clk,
    input  logic                             advance,
    input  logic [        LANES*IN_BITS-1:0] in,
    input  logic [LANES*MULTIPLIER_BITS-1:0] multiplier,
    input  logic [    LANES*OFFSET_BITS-1:0] offset,  // for the word after the product's register
    output logic [       LANES*SUM_BITS-1:0] sum
);
    for (genvar i = 0; i < LANES; i++) begin : lane
        logic signed [IN_BITS:0] a;
        logic signed [MULTIPLIER_BITS:0] m;
        logic signed [OFFSET_BITS:0] b;
        logic signed [IN_BITS+MULTIPLIER_BITS+1:0] exact;
        logic signed [SUM_BITS-1:0] product, added;
        logic unused;

        assign a = {IN_SIGNED && in[i*IN_BITS + IN_BITS-1], in[i*IN_BITS +: IN_BITS]};
        assign m = {
            MULTIPLIER_SIGNED && multiplier[i*MULTIPLIER_BITS + MULTIPLIER_BITS-1],
            multiplier[i*MULTIPLIER_BITS +: MULTIPLIER_BITS]
        };
        assign b = {
            OFFSET_SIGNED && offset[i*OFFSET_BITS + OFFSET_BITS-1],
            offset[i*OFFSET_BITS +: OFFSET_BITS]
        };
        assign unused = &{1'b0, exact, b};
        assign exact = a * m;
        assign added = SUM_BITS'(b);

        if (MULTIPLY_STAGE) begin : multiply
            always_ff @(posedge clk)
                if (advance) product <= SUM_BITS'(exact);
        end else begin : multiply
            assign product = SUM_BITS'(exact);
        end

        always_ff @(posedge clk)
            if (advance) sum[i*SUM_BITS +: SUM_BITS] <= product + added;
    end
endmodule
