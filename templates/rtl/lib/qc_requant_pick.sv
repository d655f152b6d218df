// SPDX-License-Identifier: 0BSD
// The listed result where there is one, else the computed one, lane by lane: combinational.
module qc_requant_pick #(
    parameter int unsigned LANES = 1,
    parameter int unsigned BITS = 8
) (
    input  logic [     LANES-1:0] listed,
    input  logic [LANES*BITS-1:0] result,    // of the listed code
    input  logic [LANES*BITS-1:0] computed,
    output logic [LANES*BITS-1:0] out
);
    for (genvar i = 0; i < LANES; i++) begin : lane
        assign out[i*BITS +: BITS] =
            listed[i] ? result[i*BITS +: BITS] : computed[i*BITS +: BITS];
    end
endmodule
