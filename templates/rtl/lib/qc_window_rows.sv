// SPDX-License-Identifier: 0BSD
// The arriving half of a sliding window: which image rows are still missing, and where they go.
//
// Turn 0 only loads what the first row of windows needs; in turn t > 0 windows t - 1 leave.
module qc_window_rows #(
    parameter int HEIGHT = 1,
    parameter int ROW_WORDS = 1,
    parameter int STRIDE = 1,
    parameter int PAD = 0,
    parameter int REACH = 1,  // image rows that a window spans
    parameter int OUT_HEIGHT = 1,
    parameter int ROWS = 1,
    localparam int DEPTH = ROWS * ROW_WORDS,
    localparam int ADDRESS = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input logic clk,
    input logic rst,
    input logic fire,
    input logic row_end,  // this step is the last of its turn
    output logic reading,
    output logic rows_here,  // after this step no row is missing
    output logic store,
    output logic image_end,
    output logic [ADDRESS-1:0] address
);
    localparam int FIRST = REACH - PAD > 0 ? 0 : 1;  // turn 0 has no steps where it needs no row
    localparam int START = FIRST * STRIDE + REACH - PAD;
    localparam int LAST = (OUT_HEIGHT - 1) * STRIDE - PAD + REACH;  // rows ever needed
    localparam int LEAST = (PAD % ROWS) * ROW_WORDS;
    localparam int MOST = OUT_HEIGHT * STRIDE + REACH + PAD + HEIGHT;
    localparam int COUNT = $clog2(MOST + 1) + 1;  // with a sign
    localparam int TURN = $clog2(OUT_HEIGHT + 1);
    logic [TURN-1:0] turn;
    logic signed [COUNT-1:0] loaded, after, needed;
    logic last_turn, word_last, arriving;
    localparam int WORD = ROW_WORDS > 1 ? $clog2(ROW_WORDS) : 1;
    logic [WORD-1:0] word;
    logic unused;
    assign unused = &{1'b0, word};

    assign last_turn = turn == TURN'(OUT_HEIGHT);
    assign image_end = row_end && last_turn;
    assign after = loaded + COUNT'(1);
    assign reading = loaded != COUNT'(HEIGHT) && (last_turn || loaded < needed);
    assign rows_here = !reading
            || (word_last && (after == COUNT'(HEIGHT) || (!last_turn && after >= needed)));
    assign arriving = fire && reading;
    if (LAST >= HEIGHT) begin : g_all
        assign store = reading;
    end else if (LAST > 0) begin : g_some
        assign store = reading && loaded < COUNT'(LAST);
    end else begin : g_none
        assign store = 1'b0;
    end
    qc_counter #(.LIMIT(ROW_WORDS)) u_words (
        .clk, .rst, .step(arriving), .count(word), .last(word_last)
    );
    always_ff @(posedge clk) begin
        if (rst || (fire && image_end)) begin
            turn <= TURN'(FIRST);
            needed <= COUNT'(START);
            loaded <= '0;
            address <= ADDRESS'(LEAST);
        end else begin
            if (fire && row_end) begin
                turn <= turn + 1'b1;
                needed <= needed + COUNT'(STRIDE);
            end
            if (arriving) begin
                if (word_last) loaded <= after;
                address <= address == ADDRESS'(DEPTH - 1) ? '0 : address + 1'b1;
            end
        end
    end
endmodule
