// SPDX-License-Identifier: 0BSD
// Each lane of a sum times the factor of its place. Latency 2: the factor is read with the sum.
module qc_pool_scale #(
    parameter int unsigned PLACES = 1,
    parameter int unsigned FOLDS = 1,        // words of a place
    parameter int unsigned LANES = 1,
    parameter int unsigned BITS = 8,
    parameter bit          SUM_SIGNED = 1'b1,
    parameter int unsigned FACTOR_BITS = 8,
    parameter bit          FACTOR_SIGNED = 1'b1,
    parameter              FACTORS = ""
) (
    input  logic                  clk,
    input  logic                  rst,
    input  logic                  advance,
    input  logic                  done,      // a sum is complete one cycle from now
    input  logic [LANES*BITS-1:0] sum,
    output logic [LANES*BITS-1:0] out
);
    localparam int unsigned PLACE_BITS = PLACES > 1 ? $clog2(PLACES) : 1;
    localparam int unsigned FOLD_BITS = FOLDS > 1 ? $clog2(FOLDS) : 1;
    logic [PLACE_BITS-1:0] place;
    logic [FOLD_BITS-1:0] fold;
    logic place_done, image_done;
    logic [FACTOR_BITS-1:0] factor;
    logic unused;

    assign unused = &{1'b0, fold, image_done};

    qc_counter #(.LIMIT(FOLDS)) u_folds (.clk, .rst, .step(done), .count(fold), .last(place_done));
    qc_counter #(.LIMIT(PLACES)) u_places (
        .clk, .rst, .step(done && place_done), .count(place), .last(image_done)
    );
    qc_rom #(.WIDTH(FACTOR_BITS), .DEPTH(PLACES), .FILE(FACTORS)) u_factors (
        .clk, .en(advance), .address(place), .q(factor)
    );

    logic signed [FACTOR_BITS:0] multiplier;
    assign multiplier = {FACTOR_SIGNED && factor[FACTOR_BITS-1], factor};

    for (genvar i = 0; i < LANES; i++) begin : lane
        logic signed [BITS:0] total;
        assign total = {SUM_SIGNED && sum[i*BITS + BITS-1], sum[i*BITS +: BITS]};
        always_ff @(posedge clk)
            if (advance) out[i*BITS +: BITS] <= BITS'(total * multiplier);
    end
endmodule
