// SPDX-License-Identifier: 0BSD
// Buffers WORDS words, then sends those at the places that the axes name, or the constant where a
// place is negative. All steps that read, then all that write. Latency 2: the address, the word.
module qc_move #(
    parameter int unsigned         WORDS = 1,
    parameter int unsigned         LANES = 1,
    parameter int unsigned         IN_BITS = 8,
    parameter bit                  IN_SIGNED = 1'b1,
    parameter int unsigned         OUT_BITS = 8,
    parameter int unsigned         PLACE_BITS = 1,
    parameter bit                  MISSING = 1'b0,  // some places are negative
    parameter logic [OUT_BITS-1:0] CONSTANT = '0
) (
    input  logic                      clk,
    input  logic                      rst,
    input  logic [ LANES*IN_BITS-1:0] in_data,
    input  logic                      in_valid,
    output logic                      in_ready,
    output logic [LANES*OUT_BITS-1:0] out_data,
    output logic                      out_valid,
    input  logic                      out_ready,
    output logic                      step,    // a word is on its way: the axes go on
    input  logic                      done,    // it is the last one
    input  logic [    PLACE_BITS-1:0] place
);
    localparam int unsigned AT_BITS = WORDS > 1 ? $clog2(WORDS) : 1;
    logic advance, fire, writes, loaded, absent;
    logic [AT_BITS-1:0] arriving, at;
    logic [PLACE_BITS-1:0] place_q;
    logic [LANES*IN_BITS-1:0] words[WORDS];
    logic [LANES*IN_BITS-1:0] word;
    logic [LANES*OUT_BITS-1:0] extended;

    assign in_ready = advance && !writes;
    assign step = fire && writes;
    qc_stages #(.DEPTH(2)) u_stages (
        .clk, .rst, .given(in_valid || writes), .writes, .out_valid, .out_ready, .advance, .fire
    );
    qc_counter #(.LIMIT(WORDS)) u_places (
        .clk, .rst, .step(fire && !writes), .count(arriving), .last(loaded)
    );
    always_ff @(posedge clk)
        if (rst) writes <= 1'b0;
        else if (fire) writes <= writes ? !done : loaded;

    assign at = AT_BITS'(place_q);
    always_ff @(posedge clk) begin
        if (fire && !writes) words[arriving] <= in_data;
        if (advance) begin
            place_q <= place;
            word <= words[at];
            absent <= place_q[PLACE_BITS-1];
        end
    end

    qc_extend #(
        .LANES(LANES), .IN_BITS(IN_BITS), .IN_SIGNED(IN_SIGNED), .OUT_BITS(OUT_BITS)
    ) u_extend (.in(word), .out(extended));
    assign out_data = MISSING && absent ? {LANES{CONSTANT}} : extended;
endmodule
