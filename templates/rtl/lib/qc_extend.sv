// SPDX-License-Identifier: 0BSD
// Each lane of a word, extended to OUT_BITS: combinational.
module qc_extend #(
    parameter int unsigned LANES = 1,
    parameter int unsigned IN_BITS = 8,
    parameter bit          IN_SIGNED = 1'b1,
    parameter int unsigned OUT_BITS = 8
) (
    input  logic [ LANES*IN_BITS-1:0] in,
    output logic [LANES*OUT_BITS-1:0] out
);
    for (genvar i = 0; i < LANES; i++) begin : lane
        if (IN_SIGNED) begin : extend
            assign out[i*OUT_BITS +: OUT_BITS] = OUT_BITS'(signed'(in[i*IN_BITS +: IN_BITS]));
        end else begin : extend
            assign out[i*OUT_BITS +: OUT_BITS] = OUT_BITS'(in[i*IN_BITS +: IN_BITS]);
        end
    end
endmodule
