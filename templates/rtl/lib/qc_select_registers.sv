// SPDX-License-Identifier: 0BSD
// The registers of qc_select: the pixel that arrives, and the one that leaves. Each lane chooses
// among the places that it ever takes, one a step.
module qc_select_registers #(
    parameter int unsigned READS = 1,
    parameter int unsigned IN_LANES = 1,
    parameter int unsigned IN_BITS = 8,
    parameter bit          IN_SIGNED = 1'b1,
    parameter int unsigned WRITES = 1,
    parameter int unsigned OUT_LANES = 1,
    parameter int unsigned OUT_BITS = 8,
    parameter int unsigned STEP_BITS = 1,
    parameter int unsigned ORDER_BITS = 1,
    parameter              ORDER = 1'b0,
    parameter              KEPT = 1'b1,
    parameter              CONSTANTS = 8'd0
) (
    input  logic                          clk,
    input  logic                          advance,
    input  logic                          fire,
    input  logic                          reading,
    input  logic                          round_done,
    input  logic [         STEP_BITS-1:0] step,
    input  logic [  IN_LANES*IN_BITS-1:0] in,
    output logic [OUT_LANES*OUT_BITS-1:0] out
);
    localparam int unsigned PICK_BITS = WRITES > 1 ? $clog2(WRITES) : 1;
    localparam int unsigned WIDTH = IN_LANES * IN_BITS;
    logic [READS*WIDTH-1:0] arriving, arrived, leaving;
    logic [PICK_BITS-1:0] pick;
    logic unused;

    assign unused = &{1'b0, leaving, arriving};
    assign pick = PICK_BITS'(step);

    // Words arrive from the top, so that the first is at the bottom when all are there: with the
    // last step of a round, or before it.
    if (READS == 1) begin : arrive
        assign arrived = in;
    end else begin : arrive
        assign arrived = {in, arriving[READS*WIDTH-1:WIDTH]};
    end
    always_ff @(posedge clk) begin
        if (fire && reading) arriving <= arrived;
        if (fire && round_done) leaving <= READS < WRITES ? arriving : arrived;
    end

    for (genvar j = 0; j < OUT_LANES; j++) begin : lane
        logic [OUT_BITS*WRITES-1:0] choices;  // bit by bit
        for (genvar k = 0; k < WRITES; k++) begin : choice
            localparam int unsigned E = k*OUT_LANES + j;
            localparam int unsigned PLACE = 32'(ORDER[E*ORDER_BITS +: ORDER_BITS]);
            logic [OUT_BITS-1:0] code;
            if (!KEPT[E]) begin : from
                assign code = CONSTANTS[E*OUT_BITS +: OUT_BITS];
            end else if (IN_SIGNED) begin : from
                assign code = OUT_BITS'(signed'(leaving[PLACE*IN_BITS +: IN_BITS]));
            end else begin : from
                assign code = OUT_BITS'(leaving[PLACE*IN_BITS +: IN_BITS]);
            end
            for (genvar b = 0; b < OUT_BITS; b++) begin : spread
                assign choices[b*WRITES + k] = code[b];
            end
        end
        for (genvar b = 0; b < OUT_BITS; b++) begin : choose
            logic [WRITES-1:0] one_bit;
            assign one_bit = choices[b*WRITES +: WRITES];
            always_ff @(posedge clk)
                if (advance) out[j*OUT_BITS + b] <= one_bit[pick];
        end
    end
endmodule
