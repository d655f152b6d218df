// SPDX-License-Identifier: 0BSD
// The largest code or the sum of PLACES pixels of FOLDS words, lane by lane.
// A step a word; the words of the last pixel complete the results. Latency 1.
module qc_pool_all #(
    parameter int unsigned PLACES = 1,
    parameter int unsigned FOLDS = 1,
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
    localparam int unsigned FOLD_BITS = FOLDS > 1 ? $clog2(FOLDS) : 1;
    localparam int unsigned PLACE_BITS = PLACES > 1 ? $clog2(PLACES) : 1;
    logic [FOLD_BITS-1:0] fold;
    logic [PLACE_BITS-1:0] place;
    logic pixel_done;
    logic [LANES*OUT_BITS-1:0] earlier, result;

    qc_counter #(.LIMIT(FOLDS)) u_folds (.clk, .rst, .step(fire), .count(fold), .last(pixel_done));
    qc_counter #(.LIMIT(PLACES)) u_places (
        .clk, .rst, .step(fire && pixel_done), .count(place), .last
    );

    for (genvar i = 0; i < LANES; i++) begin : lane
        qc_pool_lane #(
            .LARGEST(LARGEST), .IN_BITS(IN_BITS), .IN_SIGNED(IN_SIGNED),
            .OUT_BITS(OUT_BITS), .OUT_SIGNED(OUT_SIGNED)
        ) u_pool (
            .first(place == '0), .earlier(earlier[i*OUT_BITS +: OUT_BITS]),
            .in(in[i*IN_BITS +: IN_BITS]), .result(result[i*OUT_BITS +: OUT_BITS])
        );
    end

    always_ff @(posedge clk)
        if (fire) out <= result;

    if (FOLDS == 1) begin : memory
        logic unused;
        assign unused = &{1'b0, fold};
        assign earlier = out;
    end else begin : memory
        logic [LANES*OUT_BITS-1:0] results[FOLDS];
        assign earlier = results[fold];
        always_ff @(posedge clk)
            if (fire) results[fold] <= result;
    end
endmodule
