// SPDX-License-Identifier: 0BSD
// clip(in >> s, low, high), where s = BASES of the lane + extra; the shift rounds down. Latency 1.
module qc_requant_clip #(
    parameter int unsigned                 LANES = 1,
    parameter int unsigned                 BITS = 16,
    parameter int unsigned                 SHIFT_BITS = 4,
    parameter int unsigned                 EXTRA_BITS = 1,
    parameter logic [LANES*SHIFT_BITS-1:0] BASES = '0,
    parameter int unsigned                 LOW_BITS = 8,
    parameter bit                          LOW_SIGNED = 1'b1,
    parameter int unsigned                 HIGH_BITS = 8,
    parameter bit                          HIGH_SIGNED = 1'b1,
    parameter int unsigned                 OUT_BITS = 8
) (
    input  logic                        clk,
    input  logic                        advance,
    input  logic [      LANES*BITS-1:0] in,
    input  logic [LANES*EXTRA_BITS-1:0] extra,
    input  logic [  LANES*LOW_BITS-1:0] low,
    input  logic [ LANES*HIGH_BITS-1:0] high,
    output logic [  LANES*OUT_BITS-1:0] out
);
    for (genvar i = 0; i < LANES; i++) begin : lane
        localparam logic [SHIFT_BITS-1:0] BASE = BASES[i*SHIFT_BITS +: SHIFT_BITS];
        logic signed [BITS-1:0] sum, raw, least, most;
        logic signed [LOW_BITS:0] low_code;
        logic signed [HIGH_BITS:0] high_code;

        assign sum = in[i*BITS +: BITS];
        assign raw = (sum >>> BASE) >>> extra[i*EXTRA_BITS +: EXTRA_BITS];
        assign low_code = {
            LOW_SIGNED && low[i*LOW_BITS + LOW_BITS-1], low[i*LOW_BITS +: LOW_BITS]
        };
        assign high_code = {
            HIGH_SIGNED && high[i*HIGH_BITS + HIGH_BITS-1], high[i*HIGH_BITS +: HIGH_BITS]
        };
        assign least = BITS'(low_code);
        assign most = BITS'(high_code);

        always_ff @(posedge clk)
            if (advance)
                out[i*OUT_BITS +: OUT_BITS] <=
                    OUT_BITS'(raw < least ? least : raw > most ? most : raw);
    end
endmodule
