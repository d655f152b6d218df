// SPDX-License-Identifier: 0BSD
// The sliding window: an image in, the taps of every window out, padding included.
//
// Words arrive pixel by pixel, FOLDS words each. For each window, words leave in the order fold,
// kernel row, kernel column. Image row y is kept in line (y + PAD_TOP) % ROWS of a memory; while
// one row of windows leaves, the image rows that only the next one needs arrive. A step reads
// while rows are missing and writes while taps are. Latency 1: the read register of the memory.
module qc_window #(
    parameter int LANES = 1,
    parameter int IN = 8,  // bits of a lane that arrives
    parameter bit SIGNED = 0,
    parameter int OUT = 8,  // bits of a lane that leaves
    parameter logic [OUT-1:0] PAD = '0,  // what a tap outside the image reads
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
    parameter int ROWS = 1  // image rows kept
) (
    input logic clk,
    input logic rst,
    input logic [LANES*IN-1:0] in_data,
    input logic in_valid,
    output logic in_ready,
    output logic [LANES*OUT-1:0] out_data,
    output logic out_valid,
    input logic out_ready
);
    localparam int DEPTH = ROWS * WIDTH * FOLDS;
    localparam int ADDRESS = DEPTH > 1 ? $clog2(DEPTH) : 1;
    logic advance, fire, reading, writing, store, row_end, image_end, on_image;
    logic [ADDRESS-1:0] write_address, read_address;
    logic [LANES*IN-1:0] lines[DEPTH];

    assign advance = !out_valid || out_ready;
    assign fire = advance && (!reading || in_valid);
    assign in_ready = advance && reading;
    always_ff @(posedge clk) begin
        if (rst) out_valid <= 1'b0;
        else if (advance) out_valid <= fire && writing;
    end

    logic rows_here, taps_done;
    assign row_end = rows_here && taps_done;
    qc_window_rows #(
        .HEIGHT(HEIGHT), .ROW_WORDS(WIDTH * FOLDS), .STRIDE(STRIDE_H), .PAD(PAD_TOP),
        .REACH((KERNEL_H - 1) * DILATION_H + 1), .OUT_HEIGHT(OUT_HEIGHT), .ROWS(ROWS)
    ) u_rows (
        .clk, .rst, .fire, .row_end, .reading, .rows_here, .store, .image_end,
        .address(write_address)
    );
    qc_window_taps #(
        .HEIGHT(HEIGHT), .WIDTH(WIDTH), .FOLDS(FOLDS), .KERNEL_H(KERNEL_H), .KERNEL_W(KERNEL_W),
        .STRIDE_H(STRIDE_H), .STRIDE_W(STRIDE_W), .DILATION_H(DILATION_H),
        .DILATION_W(DILATION_W), .PAD_TOP(PAD_TOP), .PAD_LEFT(PAD_LEFT), .OUT_HEIGHT(OUT_HEIGHT),
        .OUT_WIDTH(OUT_WIDTH), .ROWS(ROWS)
    ) u_taps (
        .clk, .rst, .fire, .row_end, .image_end, .writing, .taps_done, .on_image,
        .address(read_address)
    );

    always_ff @(posedge clk) if (fire && store) lines[write_address] <= in_data;
    if (OUT == IN) begin : g_alike
        // A reset of the read register, which memories and flip-flops have.
        always_ff @(posedge clk) begin
            if (advance) out_data <= on_image ? lines[read_address] : {LANES{PAD}};
        end
    end else begin : g_wider
        logic on_image_q;
        logic [LANES*IN-1:0] q;
        always_ff @(posedge clk) begin
            if (advance) begin
                q <= lines[read_address];
                on_image_q <= on_image;
            end
        end
        for (genvar i = 0; i < LANES; i++) begin : g_lane
            logic [OUT-1:0] lane;
            if (SIGNED) begin : g_sign
                assign lane = OUT'(signed'(q[i*IN+:IN]));
            end else begin : g_zeros
                assign lane = OUT'(q[i*IN+:IN]);
            end
            assign out_data[i*OUT+:OUT] = on_image_q ? lane : PAD;
        end
    end
endmodule
