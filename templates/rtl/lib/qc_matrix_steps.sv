// SPDX-License-Identifier: 0BSD
// The schedule of a matrix-vector unit: blocks, turns, columns; which step is at hand.
//
// A step reads in turn 0 (in every turn where not BUFFERED), the last column of a turn writes.
// `accumulate` and `first` belong to the word before the last of LATENCY registers, `late_row` to
// the one before that.
module qc_matrix_steps #(
    parameter int BLOCKS = 1,
    parameter int TURNS = 1,
    parameter int COLUMNS = 1,
    parameter bit BUFFERED = 1,
    parameter int LATENCY = 4,
    localparam int ROWS = BLOCKS * TURNS,
    localparam int TILES = ROWS * COLUMNS,
    localparam int COLUMN = COLUMNS > 1 ? $clog2(COLUMNS) : 1,
    localparam int ROW = ROWS > 1 ? $clog2(ROWS) : 1,
    localparam int TILE = TILES > 1 ? $clog2(TILES) : 1
) (
    input logic clk,
    input logic rst,
    input logic in_valid,
    output logic in_ready,
    output logic out_valid,
    input logic out_ready,
    output logic advance,
    output logic load,
    output logic [COLUMN-1:0] column,
    output logic [ROW-1:0] row,
    output logic [TILE-1:0] tile,
    output logic accumulate,
    output logic first,
    output logic [ROW-1:0] late_row
);
    localparam int TURN = TURNS > 1 ? $clog2(TURNS) : 1;
    logic [TURN-1:0] turn;
    logic fire, next_row, column_last, turn_last, row_last, tile_last, unused;
    assign unused = &{1'b0, turn_last, row_last, tile_last, turn};

    assign advance = !out_valid || out_ready;
    assign load = !BUFFERED || turn == '0;
    assign fire = advance && (!load || in_valid);
    assign in_ready = advance && load;
    assign next_row = fire && column_last;
    qc_counter #(.LIMIT(COLUMNS)) u_columns (
        .clk, .rst, .step(fire), .count(column), .last(column_last)
    );
    qc_counter #(.LIMIT(TURNS)) u_turns (
        .clk, .rst, .step(next_row), .count(turn), .last(turn_last)
    );
    qc_counter #(.LIMIT(ROWS)) u_rows (.clk, .rst, .step(next_row), .count(row), .last(row_last));
    qc_counter #(.LIMIT(TILES)) u_tiles (.clk, .rst, .step(fire), .count(tile), .last(tile_last));

    logic [LATENCY-1:0] writes;
    logic [LATENCY-2:0] live;
    always_ff @(posedge clk) begin
        if (rst) begin
            writes <= '0;
            live <= '0;
        end else if (advance) begin
            writes <= {writes[LATENCY-2:0], next_row};
            live <= {live[LATENCY-3:0], fire};
        end
    end
    assign out_valid = writes[LATENCY-1];
    assign accumulate = advance && live[LATENCY-2];

    qc_delay #(.WIDTH(1), .DEPTH(LATENCY - 1)) u_firsts (
        .clk, .en(advance), .d(column == '0), .q(first)
    );
    qc_delay #(.WIDTH(ROW), .DEPTH(LATENCY - 2)) u_late_rows (
        .clk, .en(advance), .d(row), .q(late_row)
    );
endmodule
