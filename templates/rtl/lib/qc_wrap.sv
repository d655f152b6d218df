// SPDX-License-Identifier: 0BSD
// q = (d + STEP) % LIMIT, where d and STEP are less than LIMIT.
module qc_wrap #(
    parameter int WIDTH = 8,  // holds 2 * LIMIT
    parameter int LIMIT = 2,
    parameter int STEP = 1
) (
    input logic [WIDTH-1:0] d,
    output logic [WIDTH-1:0] q
);
    logic past;
    assign past = d >= WIDTH'(LIMIT - STEP);
    assign q = d + (past ? WIDTH'(STEP - LIMIT) : WIDTH'(STEP));
endmodule
