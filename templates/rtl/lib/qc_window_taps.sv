// SPDX-License-Identifier: 0BSD
// The leaving half of a sliding window: where each tap is in the memory, by additions only.
//
// A tap is in line `line` (its address) and at word `column` of its image row; `column` also tells
// whether the tap is left or right of the image, `y` whether it is above or below.
module qc_window_taps #(
    parameter int HEIGHT = 1,
    parameter int WIDTH = 1,
    parameter int FOLDS = 1,
    parameter int KERNEL_H = 1,
    parameter int KERNEL_W = 1,
    parameter int STRIDE_H = 1,
    parameter int STRIDE_W = 1,
    parameter int DILATION_H = 1,
    parameter int DILATION_W = 1,
    parameter int PAD_TOP = 0,
    parameter int PAD_LEFT = 0,
    parameter int OUT_HEIGHT = 1,
    parameter int OUT_WIDTH = 1,
    parameter int ROWS = 1,
    localparam int ROW_WORDS = WIDTH * FOLDS,
    localparam int DEPTH = ROWS * ROW_WORDS,
    localparam int ADDRESS = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input logic clk,
    input logic rst,
    input logic fire,
    input logic row_end,
    input logic image_end,
    output logic writing,
    output logic taps_done,  // after this step no tap of this row of windows is missing
    output logic on_image,
    output logic [ADDRESS-1:0] address
);
    localparam bit LOADS = (KERNEL_H - 1) * DILATION_H + 1 > PAD_TOP;  // turn 0 has steps
    localparam int SPAN_W = (OUT_WIDTH - 1) * STRIDE_W + (KERNEL_W - 1) * DILATION_W + PAD_LEFT;
    localparam int SPAN_H = (OUT_HEIGHT - 1) * STRIDE_H + (KERNEL_H - 1) * DILATION_H + PAD_TOP;
    localparam int COLUMN = $clog2((SPAN_W + STRIDE_W + WIDTH + 1) * FOLDS + 1) + 1;
    localparam int Y = $clog2(SPAN_H + STRIDE_H + HEIGHT + 1) + 1;
    localparam int LINE = $clog2(2 * DEPTH + 1);

    logic tap, kx_last, ky_last, fold_last, ox_last, plane_end, window_end;
    assign tap = fire && writing;
    qc_window_places #(
        .KERNEL_H(KERNEL_H), .KERNEL_W(KERNEL_W), .FOLDS(FOLDS), .OUT_WIDTH(OUT_WIDTH)
    ) u_places (.clk, .rst, .tap, .kx_last, .ky_last, .fold_last, .ox_last);
    assign plane_end = kx_last && ky_last;
    assign window_end = plane_end && fold_last;
    assign taps_done = !writing || (window_end && ox_last);
    always_ff @(posedge clk) begin
        if (rst || (fire && image_end)) writing <= !LOADS;
        else if (fire && row_end) writing <= 1'b1;
        else if (tap && taps_done) writing <= 1'b0;
    end

    // Columns, in words: of the window, of the window's fold, and of the tap.
    localparam logic signed [COLUMN-1:0] LEFT = COLUMN'(-PAD_LEFT * FOLDS);
    logic signed [COLUMN-1:0] corner, start, column;
    always_ff @(posedge clk) begin
        if (rst || (tap && taps_done)) begin
            corner <= LEFT;
            start <= LEFT;
            column <= LEFT;
        end else if (tap) begin
            if (window_end) corner <= corner + COLUMN'(STRIDE_W * FOLDS);
            if (window_end) start <= corner + COLUMN'(STRIDE_W * FOLDS);
            else if (plane_end) start <= start + COLUMN'(1);
            if (window_end) column <= corner + COLUMN'(STRIDE_W * FOLDS);
            else if (plane_end) column <= start + COLUMN'(1);
            else if (kx_last) column <= start;
            else column <= column + COLUMN'(DILATION_W * FOLDS);
        end
    end

    // Lines and image rows: of the window's first row, and of the tap.
    logic [LINE-1:0] base, line, next_base, next_line;
    logic signed [Y-1:0] top, y;
    qc_wrap #(.WIDTH(LINE), .LIMIT(DEPTH), .STEP(STRIDE_H * ROW_WORDS % DEPTH)) u_down (
        .d(base), .q(next_base)
    );
    qc_wrap #(.WIDTH(LINE), .LIMIT(DEPTH), .STEP(DILATION_H * ROW_WORDS % DEPTH)) u_along (
        .d(line), .q(next_line)
    );
    logic leaves;  // windows leave, or have left, in this turn: the next turn is one row further
    always_ff @(posedge clk) begin
        if (rst || (fire && image_end)) leaves <= !LOADS;
        else if (fire && row_end) leaves <= 1'b1;
    end
    always_ff @(posedge clk) begin
        if (rst || (fire && image_end)) begin
            base <= '0;
            line <= '0;
            top <= Y'(-PAD_TOP);
            y <= Y'(-PAD_TOP);
        end else if (fire && row_end) begin
            base <= leaves ? next_base : base;
            line <= leaves ? next_base : base;
            top <= leaves ? top + Y'(STRIDE_H) : top;
            y <= leaves ? top + Y'(STRIDE_H) : top;
        end else if (tap && kx_last) begin
            line <= ky_last ? base : next_line;
            y <= ky_last ? top : y + Y'(DILATION_H);
        end
    end
    assign address = ADDRESS'(line) + ADDRESS'(column);
    logic left, right, above, below;
    assign left = PAD_LEFT > 0 && column < 0;
    assign right = SPAN_W - 2 * PAD_LEFT >= WIDTH && column >= COLUMN'(ROW_WORDS);
    assign above = PAD_TOP > 0 && y < 0;
    assign below = SPAN_H - 2 * PAD_TOP >= HEIGHT && y >= Y'(HEIGHT);
    assign on_image = !(left || right || above || below);
endmodule
