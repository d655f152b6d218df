// SPDX-License-Identifier: 0BSD
// The places of the COUNT first codes of each SIZE, best first: the largest or the smallest, among
// equal ones the first or the LAST. SIZE steps read, COUNT steps write. Latency 1.
module qc_rank #(
    parameter int unsigned SIZE = 2,
    parameter int unsigned COUNT = 1,
    parameter bit          LARGEST = 1'b1,
    parameter bit          LAST = 1'b0,
    parameter int unsigned IN_BITS = 8,
    parameter bit          IN_SIGNED = 1'b1,
    parameter int unsigned OUT_BITS = 8
) (
    input  logic                clk,
    input  logic                rst,
    input  logic                fire,
    input  logic [ IN_BITS-1:0] in,
    output logic                writes,  // the step at hand writes
    output logic [OUT_BITS-1:0] out
);
    localparam int unsigned STEP_BITS = $clog2(SIZE + COUNT);
    logic [STEP_BITS-1:0] step;
    logic last, unused;
    logic [COUNT*IN_BITS-1:0] best;
    logic [COUNT*OUT_BITS-1:0] places;
    logic [COUNT-1:0] filled, here;

    assign unused = &{1'b0, last};
    assign writes = step >= STEP_BITS'(SIZE);

    qc_counter #(.LIMIT(SIZE + COUNT)) u_steps (.clk, .rst, .step(fire), .count(step), .last);

    for (genvar i = 0; i < COUNT; i++) begin : place
        logic signed [IN_BITS:0] code, kept;
        logic above;

        assign code = {IN_SIGNED && in[IN_BITS-1], in};
        assign kept = {IN_SIGNED && best[i*IN_BITS + IN_BITS-1], best[i*IN_BITS +: IN_BITS]};
        assign here[i] = !filled[i] || step == '0
            || (LARGEST ? code > kept : code < kept) || (LAST && code == kept);

        if (i == 0) begin : next
            assign above = 1'b0;
        end else begin : next
            assign above = here[i-1];
        end

        always_ff @(posedge clk)
            if (fire && !writes && here[i]) begin
                if (above) begin
                    best[i*IN_BITS +: IN_BITS] <= best[(i > 0 ? i-1 : 0)*IN_BITS +: IN_BITS];
                end else begin
                    best[i*IN_BITS +: IN_BITS] <= in;
                end
            end
    end

    always_ff @(posedge clk)
        if (fire) begin
            // Whatever comes before moves the rest down; writing moves the rest up again.
            filled <= step == '0 ? COUNT'(1) : COUNT'({filled, 1'b1});
            out <= places[OUT_BITS-1:0];
            if (writes) places <= places >> OUT_BITS;
            else
                for (int i = 0; i < COUNT; i++)
                    if (here[i])
                        places[i*OUT_BITS +: OUT_BITS] <= i > 0 && here[i > 0 ? i-1 : 0]
                            ? places[(i > 0 ? i-1 : 0)*OUT_BITS +: OUT_BITS] : OUT_BITS'(step);
        end
endmodule
