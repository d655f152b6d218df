// SPDX-License-Identifier: 0BSD
// The sum of FACTOR * (in - ZERO) over TAPS words as float32 adds it: products and sums are rounded
// to 24 bits, tap after tap. A step a word, the last of TAPS completes a result.
// Latency 3: the product, the rounded product, the sum.
module qc_rounded_pool #(
    parameter int unsigned                   TAPS = 1,
    parameter int unsigned                   LANES = 1,
    parameter int unsigned                   IN_BITS = 8,
    parameter bit                            IN_SIGNED = 1'b1,
    parameter int unsigned                   LESS_BITS = 10,  // of in - ZERO
    parameter int unsigned                   BITS = 32,
    parameter logic signed [       BITS-1:0] FACTOR = '0,
    parameter logic signed [  LESS_BITS-1:0] ZERO = '0
) (
    input  logic                     clk,
    input  logic                     rst,
    input  logic                     advance,
    input  logic                     fire,
    input  logic [LANES*IN_BITS-1:0] in,
    output logic                     last,
    output logic [   LANES*BITS-1:0] out
);
    localparam int unsigned COUNT_BITS = TAPS > 1 ? $clog2(TAPS) : 1;
    logic [COUNT_BITS-1:0] tap;
    logic starts, adds;

    qc_counter #(.LIMIT(TAPS)) u_taps (.clk, .rst, .step(fire), .count(tap), .last);
    qc_delay #(.WIDTH(2), .DEPTH(2)) u_delay (
        .clk, .en(advance), .d({tap == '0, fire}), .q({starts, adds})
    );

    for (genvar i = 0; i < LANES; i++) begin : lane
        logic signed [IN_BITS:0] code;
        logic signed [LESS_BITS-1:0] less;
        logic signed [BITS-1:0] term, exact, rounded, earlier;
        logic signed [BITS:0] sum, rounded_sum;
        logic unused;

        assign unused = &{1'b0, rounded_sum};
        assign code = {IN_SIGNED && in[i*IN_BITS + IN_BITS-1], in[i*IN_BITS +: IN_BITS]};
        assign less = LESS_BITS'(code) - ZERO;
        assign earlier = starts ? '0 : out[i*BITS +: BITS];
        assign sum = (BITS+1)'(earlier) + (BITS+1)'(term);
        qc_rounded #(.BITS(BITS)) u_of_product (.in(exact), .out(rounded));
        qc_rounded #(.BITS(BITS + 1)) u_of_sum (.in(sum), .out(rounded_sum));

        always_ff @(posedge clk)
            if (advance) begin
                exact <= BITS'(less) * FACTOR;
                term <= rounded;
                if (adds) out[i*BITS +: BITS] <= rounded_sum[BITS-1:0];
            end
    end
endmodule
