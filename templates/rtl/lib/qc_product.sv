// SPDX-License-Identifier: 0BSD
// BATCHES products of [ROWS, DEPTH] and [DEPTH, FOLDS * LANES] matrices, both from streams.
// First the right matrix arrives, then each row of the left one meets its columns, fold by fold; a
// row is read with fold 0 and kept for the others. The last step of a fold writes.
// Latency 4: the codes, less their zero points, the products, the sums.
module qc_product #(
    parameter int unsigned                   ROWS = 1,
    parameter int unsigned                   DEPTH = 1,
    parameter int unsigned                   FOLDS = 1,
    parameter int unsigned                   LANES = 1,
    parameter int unsigned                   FIRST_BITS = 8,
    parameter bit                            FIRST_SIGNED = 1'b1,
    parameter int unsigned                   SECOND_BITS = 8,
    parameter bit                            SECOND_SIGNED = 1'b1,
    parameter int unsigned                   LEFT_BITS = 9,
    parameter int unsigned                   RIGHT_BITS = 9,
    parameter int unsigned                   BITS = 16,
    parameter logic signed [  LEFT_BITS-1:0] FIRST = '0,
    parameter logic signed [ RIGHT_BITS-1:0] SECOND = '0
) (
    input  logic                         clk,
    input  logic                         rst,
    input  logic [       FIRST_BITS-1:0] in0_data,
    input  logic                         in0_valid,
    output logic                         in0_ready,
    input  logic [LANES*SECOND_BITS-1:0] in1_data,
    input  logic                         in1_valid,
    output logic                         in1_ready,
    output logic [       LANES*BITS-1:0] out_data,
    output logic                         out_valid,
    input  logic                         out_ready
);
    logic advance, fire, loading, fresh, first, last;
    logic [FIRST_BITS-1:0] x;
    logic [LANES*SECOND_BITS-1:0] y;

    assign in0_ready = advance && !loading && fresh;
    assign in1_ready = advance && loading;
    qc_stages #(.DEPTH(4)) u_stages (
        .clk, .rst, .given(loading ? in1_valid : in0_valid || !fresh), .writes(!loading && last),
        .out_valid, .out_ready, .advance, .fire
    );
    qc_product_codes #(
        .ROWS(ROWS), .DEPTH(DEPTH), .FOLDS(FOLDS), .LEFT(FIRST_BITS), .RIGHT(LANES * SECOND_BITS)
    ) u_codes (
        .clk, .rst, .advance, .fire, .left_data(in0_data), .right_data(in1_data),
        .loading, .fresh, .first, .last, .x, .y
    );

    logic adds, starts;  // of the products in their registers: they count, they begin a sum
    qc_delay #(.WIDTH(1), .DEPTH(3)) u_starts (.clk, .en(advance), .d(first), .q(starts));
    qc_delay #(.WIDTH(1), .DEPTH(3)) u_adds (.clk, .en(advance), .d(fire && !loading), .q(adds));

    logic signed [FIRST_BITS:0] a;
    logic signed [LEFT_BITS-1:0] left;
    assign a = {FIRST_SIGNED && x[FIRST_BITS-1], x};
    always_ff @(posedge clk)
        if (advance) left <= LEFT_BITS'(a) - FIRST;

    for (genvar i = 0; i < LANES; i++) begin : lane
        logic signed [SECOND_BITS:0] b;
        logic signed [RIGHT_BITS-1:0] right;
        logic signed [LEFT_BITS+RIGHT_BITS-1:0] exact, term;
        logic unused;  // bits that no sum needs
        assign b = {
            SECOND_SIGNED && y[i*SECOND_BITS + SECOND_BITS-1], y[i*SECOND_BITS +: SECOND_BITS]
        };
        assign exact = left * right;
        assign unused = &{1'b0, term};
        always_ff @(posedge clk)
            if (advance) begin
                right <= RIGHT_BITS'(b) - SECOND;
                term <= exact;
                if (adds)
                    out_data[i*BITS +: BITS] <=
                        (starts ? '0 : out_data[i*BITS +: BITS]) + BITS'(term);
            end
    end
endmodule
