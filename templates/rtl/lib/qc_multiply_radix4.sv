// SPDX-License-Identifier: 0BSD
// x * w, w signed, two bits of w a row. Each row adds 0, x, 2x or 3x to a quarter of the last;
// the final row, which has the sign, 0, x, -2x or -x. A row is one LUT a bit.
module qc_multiply_radix4 #(
    parameter int X = 8,
    parameter bit X_SIGNED = 0,
    parameter int W = 8
) (
    input logic [X-1:0] x,
    input logic [X+1:0] triple,  // 3 * x
    input logic [W-1:0] w,
    output logic [X+W-1:0] product
);
    localparam int ROWS = (W + 1) / 2;
    localparam int R = X + 2;
    logic signed [2*ROWS-1:0] digits;
    logic signed [R-1:0] one, two;
    logic [X+2*ROWS-1:0] wide;
    logic unused;
    assign unused = &{1'b0, triple, wide};
    assign digits = (2 * ROWS)'(signed'(w));
    if (X_SIGNED) begin : g_sign
        assign one = R'(signed'(x));
    end else begin : g_zeros
        assign one = R'(x);
    end
    assign two = one <<< 1;
    for (genvar j = 0; j < ROWS; j++) begin : g_row
        logic high, low;
        logic signed [R-1:0] term, carried, row;
        assign {high, low} = digits[2*j+:2];
        if (j == 0) begin : g_nothing
            assign carried = '0;
        end else if (X_SIGNED) begin : g_arithmetic
            assign carried = g_row[j-1].row >>> 2;
        end else begin : g_logical
            assign carried = {2'b00, g_row[j-1].row[R-1:2]};
        end
        if (j < ROWS - 1) begin : g_inner
            assign term = high ? (low ? triple : two) : (low ? one : '0);
            assign row = carried + term;
            assign wide[2*j+:2] = row[1:0];
        end else begin : g_last
            logic signed [R:0] sum;
            logic unused_carry;
            assign unused_carry = sum[0];
            assign term = high ? (low ? ~one : ~two) : (low ? one : '0);
            assign sum = {carried, 1'b1} + {term, high};
            assign row = sum[R:1];
            assign wide[X+2*ROWS-1:2*j] = row;
        end
    end
    assign product = wide[X+W-1:0];
endmodule
