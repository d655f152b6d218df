// SPDX-License-Identifier: 0BSD
// Adds to a sum what makes the shift that follows round to nearest, halves to even: 2^(s-1) - 1
// and bit s, where `even` is 1 and s = BASES of the lane + extra. Latency 1.
module qc_requant_even #(
    parameter int unsigned              LANES = 1,
    parameter int unsigned              BITS = 16,
    parameter int unsigned              SHIFT_BITS = 4,
    parameter int unsigned              EXTRA_BITS = 1,
    parameter logic [LANES*SHIFT_BITS-1:0] BASES = '0
) (
    input  logic                        clk,
    input  logic                        advance,
    input  logic [      LANES*BITS-1:0] in,
    input  logic [           LANES-1:0] even,
    input  logic [LANES*EXTRA_BITS-1:0] extra,
    output logic [      LANES*BITS-1:0] out
);
    for (genvar i = 0; i < LANES; i++) begin : lane
        localparam logic [SHIFT_BITS-1:0] BASE = BASES[i*SHIFT_BITS +: SHIFT_BITS];
        logic [BITS-1:0] sum, below;
        logic odd;  // bit s

        assign sum = in[i*BITS +: BITS];
        assign odd = 1'((sum >> BASE) >> extra[i*EXTRA_BITS +: EXTRA_BITS]);
        assign below = ((BITS'(1) << BASE) << extra[i*EXTRA_BITS +: EXTRA_BITS]) >> 1;

        always_ff @(posedge clk)
            if (advance)
                out[i*BITS +: BITS] <= even[i] ? sum + (below - BITS'(1)) + BITS'(odd) : sum;
    end
endmodule
