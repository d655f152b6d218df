// SPDX-License-Identifier: 0BSD
// Channels of each pixel in another order, some of them constant. A pixel arrives while the one
// before it leaves: PIXELS + 1 rounds of as many steps as the longer of both takes.
// Element e of a pixel that leaves is channel ORDER[e], or CONSTANTS[e] where KEPT[e] is 0. Two
// pixels are in registers, or in a memory for each pair of lanes that meet. Latency 1.
module qc_select #(
    parameter int unsigned PIXELS = 1,
    parameter int unsigned READS = 1,
    parameter int unsigned IN_LANES = 1,
    parameter int unsigned IN_BITS = 8,
    parameter bit          IN_SIGNED = 1'b1,
    parameter int unsigned WRITES = 1,
    parameter int unsigned OUT_LANES = 1,
    parameter int unsigned OUT_BITS = 8,
    parameter bit          MEMORY = 1'b0,
    parameter int unsigned ORDER_BITS = 1,
    parameter              ORDER = 1'b0,
    parameter              KEPT = 1'b1,
    parameter              CONSTANTS = 8'd0
) (
    input  logic                          clk,
    input  logic                          rst,
    input  logic [  IN_LANES*IN_BITS-1:0] in_data,
    input  logic                          in_valid,
    output logic                          in_ready,
    output logic [OUT_LANES*OUT_BITS-1:0] out_data,
    output logic                          out_valid,
    input  logic                          out_ready
);
    localparam int unsigned STEPS = READS > WRITES ? READS : WRITES;
    localparam int unsigned STEP_BITS = STEPS > 1 ? $clog2(STEPS) : 1;
    localparam int unsigned PIXEL_BITS = $clog2(PIXELS + 1);
    logic advance, fire, reading, writing, round_done, last, unused;
    logic [STEP_BITS-1:0] step;
    logic [PIXEL_BITS-1:0] pixel;

    assign unused = &{1'b0, last};
    assign reading = pixel != PIXEL_BITS'(PIXELS) && (STEP_BITS+1)'(step) < (STEP_BITS+1)'(READS);
    assign writing = pixel != '0 && (STEP_BITS+1)'(step) < (STEP_BITS+1)'(WRITES);
    assign in_ready = advance && reading;

    qc_stages #(.DEPTH(1)) u_stages (
        .clk, .rst, .given(in_valid || !reading), .writes(writing),
        .out_valid, .out_ready, .advance, .fire
    );
    qc_counter #(.LIMIT(STEPS)) u_steps (.clk, .rst, .step(fire), .count(step), .last(round_done));
    qc_counter #(.LIMIT(PIXELS + 1)) u_pixels (
        .clk, .rst, .step(fire && round_done), .count(pixel), .last
    );

    if (MEMORY) begin : store
        logic bank;
        always_ff @(posedge clk)
            if (rst) bank <= 1'b0;
            else if (fire && round_done) bank <= !bank;
        for (genvar j = 0; j < OUT_LANES; j++) begin : lane
            qc_select_memory #(
                .READS(READS), .IN_LANES(IN_LANES), .IN_BITS(IN_BITS), .IN_SIGNED(IN_SIGNED),
                .WRITES(WRITES), .OUT_LANES(OUT_LANES), .OUT_BITS(OUT_BITS), .LANE(j),
                .STEP_BITS(STEP_BITS), .ORDER_BITS(ORDER_BITS), .ORDER(ORDER), .KEPT(KEPT),
                .CONSTANTS(CONSTANTS)
            ) u_memory (
                .clk, .advance, .write(fire && reading), .bank, .step, .in(in_data),
                .out(out_data[j*OUT_BITS +: OUT_BITS])
            );
        end
    end else begin : store
        qc_select_registers #(
            .READS(READS), .IN_LANES(IN_LANES), .IN_BITS(IN_BITS), .IN_SIGNED(IN_SIGNED),
            .WRITES(WRITES), .OUT_LANES(OUT_LANES), .OUT_BITS(OUT_BITS), .STEP_BITS(STEP_BITS),
            .ORDER_BITS(ORDER_BITS), .ORDER(ORDER), .KEPT(KEPT), .CONSTANTS(CONSTANTS)
        ) u_registers (
            .clk, .advance, .fire, .reading, .round_done, .step, .in(in_data), .out(out_data)
        );
    end
endmodule
