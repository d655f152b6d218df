// SPDX-License-Identifier: 0BSD
// Whether a code is one of its lane's listed ones, and the result for it. Latency 1.
// Where several places are alike, the last counts.
module qc_requant_listed #(
    parameter int unsigned LANES = 1,
    parameter int unsigned COUNT = 1,
    parameter int unsigned IN_BITS = 8,
    parameter bit          IN_SIGNED = 1'b1,
    parameter int unsigned PLACE_BITS = 8,
    parameter bit          PLACE_SIGNED = 1'b1,
    parameter int unsigned RESULT_BITS = 8,
    parameter bit          RESULT_SIGNED = 1'b1,
    parameter int unsigned OUT_BITS = 8
) (
    input  logic                               clk,
    input  logic                               advance,
    input  logic [          LANES*IN_BITS-1:0] in,
    input  logic [ LANES*COUNT*PLACE_BITS-1:0] places,
    input  logic [LANES*COUNT*RESULT_BITS-1:0] results,
    output logic [                  LANES-1:0] listed,
    output logic [         LANES*OUT_BITS-1:0] out
);
    localparam int unsigned WIDE = IN_BITS > PLACE_BITS ? IN_BITS + 1 : PLACE_BITS + 1;

    for (genvar i = 0; i < LANES; i++) begin : lane
        logic signed [IN_BITS:0] code;
        logic [COUNT-1:0] hits;
        logic [COUNT*OUT_BITS-1:0] found;

        assign code = {IN_SIGNED && in[i*IN_BITS + IN_BITS-1], in[i*IN_BITS +: IN_BITS]};
        for (genvar j = 0; j < COUNT; j++) begin : entry
            localparam int unsigned K = i*COUNT + j;
            logic signed [PLACE_BITS:0] place;
            logic signed [RESULT_BITS:0] result;
            logic unused;
            assign place = {
                PLACE_SIGNED && places[K*PLACE_BITS + PLACE_BITS-1],
                places[K*PLACE_BITS +: PLACE_BITS]
            };
            assign result = {
                RESULT_SIGNED && results[K*RESULT_BITS + RESULT_BITS-1],
                results[K*RESULT_BITS +: RESULT_BITS]
            };
            assign unused = &{1'b0, result};
            assign hits[j] = WIDE'(code) == WIDE'(place);
            if (j == 0) begin : pick
                assign found[0 +: OUT_BITS] = OUT_BITS'(result);
            end else begin : pick
                assign found[j*OUT_BITS +: OUT_BITS] =
                    hits[j] ? OUT_BITS'(result) : found[(j-1)*OUT_BITS +: OUT_BITS];
            end
        end

        always_ff @(posedge clk)
            if (advance) begin
                listed[i] <= |hits;
                out[i*OUT_BITS +: OUT_BITS] <= found[(COUNT-1)*OUT_BITS +: OUT_BITS];
            end
    end
endmodule
