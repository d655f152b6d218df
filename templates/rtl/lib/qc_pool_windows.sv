// SPDX-License-Identifier: 0BSD
// The largest code or the sum of each TAPS words, lane by lane.
// A step a word; the last word of TAPS completes a result. Latency 1: the accumulator leaves.
module qc_pool_windows #(
    parameter int unsigned TAPS = 1,
    parameter bit          LARGEST = 1'b0,
    parameter int unsigned LANES = 1,
    parameter int unsigned IN_BITS = 8,
    parameter bit          IN_SIGNED = 1'b1,
    parameter int unsigned OUT_BITS = 8,
    parameter bit          OUT_SIGNED = 1'b1
) (
    input  logic                      clk,
    input  logic                      rst,
    input  logic                      fire,
    input  logic [ LANES*IN_BITS-1:0] in,
    output logic                      last,  // the word at hand completes a result
    output logic [LANES*OUT_BITS-1:0] out
);
    localparam int unsigned COUNT_BITS = TAPS > 1 ? $clog2(TAPS) : 1;
    logic [COUNT_BITS-1:0] tap;
    logic [LANES*OUT_BITS-1:0] result;

    qc_counter #(.LIMIT(TAPS)) u_taps (.clk, .rst, .step(fire), .count(tap), .last);

    for (genvar i = 0; i < LANES; i++) begin : lane
        qc_pool_lane #(
            .LARGEST(LARGEST), .IN_BITS(IN_BITS), .IN_SIGNED(IN_SIGNED),
            .OUT_BITS(OUT_BITS), .OUT_SIGNED(OUT_SIGNED)
        ) u_pool (
            .first(tap == '0), .earlier(out[i*OUT_BITS +: OUT_BITS]),
            .in(in[i*IN_BITS +: IN_BITS]), .result(result[i*OUT_BITS +: OUT_BITS])
        );
    end

    always_ff @(posedge clk)
        if (fire) out <= result;
endmodule
