// SPDX-License-Identifier: 0BSD
// The codes that a product of matrices meets, one register later, and what the step at hand does.
module qc_product_codes #(
    parameter int unsigned ROWS = 1,
    parameter int unsigned DEPTH = 1,
    parameter int unsigned FOLDS = 1,
    parameter int unsigned LEFT = 8,
    parameter int unsigned RIGHT = 8
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             advance,
    input  logic             fire,
    input  logic [ LEFT-1:0] left_data,
    input  logic [RIGHT-1:0] right_data,
    output logic             loading,     // a word of the right matrix arrives
    output logic             fresh,       // else, if this is 1, one of the left matrix
    output logic             first,       // of a sum
    output logic             last,
    output logic [ LEFT-1:0] x,
    output logic [RIGHT-1:0] y
);
    localparam int unsigned WORDS = DEPTH * FOLDS;
    localparam int unsigned AT_BITS = WORDS > 1 ? $clog2(WORDS) : 1;
    localparam int unsigned FOLD_BITS = FOLDS > 1 ? $clog2(FOLDS) : 1;
    localparam int unsigned DEPTH_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;
    localparam int unsigned ROW_BITS = ROWS > 1 ? $clog2(ROWS) : 1;
    logic [AT_BITS-1:0] arriving, at;
    logic [FOLD_BITS-1:0] fold;
    logic [DEPTH_BITS-1:0] k;
    logic [ROW_BITS-1:0] row;
    logic meets, loaded, fold_last, row_last, unused;
    logic [RIGHT-1:0] columns[WORDS];

    assign unused = &{1'b0, row};
    assign meets = fire && !loading;
    assign fresh = fold == '0;
    assign first = k == '0;
    qc_counter #(.LIMIT(WORDS)) u_words (
        .clk, .rst, .step(fire && loading), .count(arriving), .last(loaded)
    );
    qc_counter #(.LIMIT(DEPTH)) u_terms (.clk, .rst, .step(meets), .count(k), .last);
    qc_counter #(.LIMIT(FOLDS)) u_folds (
        .clk, .rst, .step(meets && last), .count(fold), .last(fold_last)
    );
    qc_counter #(.LIMIT(ROWS)) u_rows (
        .clk, .rst, .step(meets && last && fold_last), .count(row), .last(row_last)
    );
    always_ff @(posedge clk)
        if (rst) loading <= 1'b1;
        else if (fire) loading <= loading ? !loaded : last && fold_last && row_last;

    // Word k * FOLDS + fold.
    always_ff @(posedge clk)
        if (rst) at <= '0;
        else if (meets)
            at <= !last ? at + AT_BITS'(FOLDS) : fold_last ? '0 : AT_BITS'(fold) + AT_BITS'(1);

    always_ff @(posedge clk) begin
        if (fire && loading) columns[arriving] <= right_data;
        if (advance) y <= columns[at];
    end

    if (FOLDS == 1) begin : left
        always_ff @(posedge clk)
            if (advance) x <= left_data;
    end else begin : left
        logic [LEFT-1:0] kept[DEPTH];
        logic [LEFT-1:0] new_code, old_code;
        logic was_fresh;
        always_ff @(posedge clk) begin
            if (meets && fresh) kept[k] <= left_data;
            if (advance) begin
                new_code <= left_data;
                old_code <= kept[k];
                was_fresh <= fresh;
            end
        end
        assign x = was_fresh ? new_code : old_code;
    end
endmodule
