// SPDX-License-Identifier: 0BSD
// x * w, w signed, for x of few bits: each row adds 0 or w to half of the row before.
module qc_multiply_narrow #(
    parameter int X = 2,
    parameter bit X_SIGNED = 0,
    parameter int W = 8
) (
    input logic [X-1:0] x,
    input logic [W-1:0] w,
    output logic [X+W-1:0] product
);
    for (genvar j = 0; j < X; j++) begin : g_row
        logic signed [W:0] term, carried, row;
        assign term = x[j] ? (W + 1)'(signed'(w)) : '0;
        if (j == 0) begin : g_nothing
            assign carried = '0;
        end else begin : g_half
            assign carried = g_row[j-1].row >>> 1;
        end
        if (X_SIGNED && j == X - 1) begin : g_minus
            assign row = carried - term;
        end else begin : g_plus
            assign row = carried + term;
        end
        if (j < X - 1) begin : g_inner
            assign product[j] = row[0];
        end else begin : g_last
            assign product[X+W-1:j] = row;
        end
    end
endmodule
