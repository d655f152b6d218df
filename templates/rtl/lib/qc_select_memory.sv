// SPDX-License-Identifier: 0BSD
// One lane of qc_select that leaves: a memory of two pixels for each lane that it takes codes from.
// The words of a pixel go to `bank`, those of the pixel before it come from the other one.
module qc_select_memory #(
    parameter int unsigned READS = 1,
    parameter int unsigned IN_LANES = 1,
    parameter int unsigned IN_BITS = 8,
    parameter bit          IN_SIGNED = 1'b1,
    parameter int unsigned WRITES = 1,
    parameter int unsigned OUT_LANES = 1,
    parameter int unsigned OUT_BITS = 8,
    parameter int unsigned LANE = 0,
    parameter int unsigned STEP_BITS = 1,
    parameter int unsigned ORDER_BITS = 1,
    parameter              ORDER = 1'b0,
    parameter              KEPT = 1'b1,
    parameter              CONSTANTS = 8'd0
) (
    input  logic                        clk,
    input  logic                        advance,
    input  logic                        write,
    input  logic                        bank,
    input  logic [       STEP_BITS-1:0] step,
    input  logic [IN_LANES*IN_BITS-1:0] in,
    output logic [        OUT_BITS-1:0] out
);
    localparam int unsigned PICK_BITS = WRITES > 1 ? $clog2(WRITES) : 1;
    localparam int unsigned WORD_BITS = READS > 1 ? $clog2(READS) : 1;
    localparam int unsigned CONTROL = OUT_BITS + IN_LANES + WORD_BITS;
    logic [CONTROL-1:0] controls[WRITES];
    logic [OUT_BITS-1:0] constant, constant_q;  // 0 where a lane is chosen
    logic [IN_LANES-1:0] source, source_q;      // the lane, one bit each
    logic [WORD_BITS-1:0] word;
    logic [(IN_LANES+1)*OUT_BITS-1:0] sums;     // or-ed: all but one are 0
    logic unused;

    function automatic logic [CONTROL-1:0] control(input int k);
        int e, place;
        logic [IN_LANES-1:0] from;
        logic [WORD_BITS-1:0] at;
        logic [OUT_BITS-1:0] fixed;
        e = k * OUT_LANES + LANE;
        place = 32'(ORDER[e*ORDER_BITS +: ORDER_BITS]);
        from = '0;
        from[place % IN_LANES] = KEPT[e];
        at = WORD_BITS'(place / IN_LANES);
        fixed = CONSTANTS[e*OUT_BITS +: OUT_BITS];
        if (KEPT[e]) fixed = '0;
        control = {fixed, from, at};
    endfunction

    function automatic bit takes(input int from);
        int e;
        takes = 1'b0;
        for (int k = 0; k < WRITES; k++) begin
            e = k * OUT_LANES + LANE;
            if (KEPT[e] && 32'(ORDER[e*ORDER_BITS +: ORDER_BITS]) % IN_LANES == from) takes = 1'b1;
        end
    endfunction

    initial for (int k = 0; k < WRITES; k++) controls[k] = control(k);

    assign {constant, source, word} = controls[PICK_BITS'(step)];
    assign unused = &{1'b0, in, source_q};
    always_ff @(posedge clk)
        if (advance) begin
            constant_q <= constant;
            source_q <= source;
        end

    assign sums[0 +: OUT_BITS] = constant_q;
    for (genvar i = 0; i < IN_LANES; i++) begin : lane
        localparam bit TAKEN = takes(i);
        if (TAKEN) begin : store
            logic [IN_BITS-1:0] codes[2*2**WORD_BITS];
            logic [IN_BITS-1:0] code;
            logic [OUT_BITS-1:0] extended;
            always_ff @(posedge clk) begin
                if (write) codes[{bank, WORD_BITS'(step)}] <= in[i*IN_BITS +: IN_BITS];
                if (advance) code <= codes[{!bank, word}];
            end
            qc_extend #(
                .IN_BITS(IN_BITS), .IN_SIGNED(IN_SIGNED), .OUT_BITS(OUT_BITS)
            ) u_extend (.in(code), .out(extended));
            assign sums[(i+1)*OUT_BITS +: OUT_BITS] =
                sums[i*OUT_BITS +: OUT_BITS] | (source_q[i] ? extended : '0);
        end else begin : store
            assign sums[(i+1)*OUT_BITS +: OUT_BITS] = sums[i*OUT_BITS +: OUT_BITS];
        end
    end
    assign out = sums[IN_LANES*OUT_BITS +: OUT_BITS];
endmodule
