// SPDX-License-Identifier: 0BSD
// in * CONSTANT, modulo 2^BITS: combinational. A constant of up to three signed digits is a sum of
// shifted copies; others are left to a multiplier.
module qc_mul_constant #(
    parameter int unsigned            BITS = 16,
    parameter logic signed [BITS-1:0] CONSTANT = '0
) (
    input  logic [BITS-1:0] in,
    output logic [BITS-1:0] out
);
    // The digits of the non-adjacent form of n: 3n and n differ where it has one.
    localparam bit FALLS = CONSTANT[BITS-1];
    localparam logic [BITS+1:0] SIZE = (BITS+2)'(FALLS ? -CONSTANT : CONSTANT);
    localparam logic [BITS+1:0] HALF = SIZE >> 1;
    localparam logic [BITS+1:0] TRIPLE = SIZE + HALF;
    localparam logic [BITS-1:0] ADDED = BITS'(TRIPLE & ~HALF);
    localparam logic [BITS-1:0] TAKEN = BITS'(HALF & ~TRIPLE);

    function automatic int digits;
        digits = 0;
        for (int i = 0; i < BITS; i++) if (ADDED[i] || TAKEN[i]) digits++;
    endfunction

    if (digits() > 3) begin : product
        assign out = in * CONSTANT;
    end else begin : sums
        logic [(BITS+1)*BITS-1:0] partial;
        assign partial[0 +: BITS] = '0;
        for (genvar i = 0; i < BITS; i++) begin : digit
            if (ADDED[i] != FALLS && (ADDED[i] || TAKEN[i])) begin : step
                assign partial[(i+1)*BITS +: BITS] = partial[i*BITS +: BITS] + (in << i);
            end else if (ADDED[i] || TAKEN[i]) begin : step
                assign partial[(i+1)*BITS +: BITS] = partial[i*BITS +: BITS] - (in << i);
            end else begin : step
                assign partial[(i+1)*BITS +: BITS] = partial[i*BITS +: BITS];
            end
        end
        assign out = partial[BITS*BITS +: BITS];
    end
endmodule
