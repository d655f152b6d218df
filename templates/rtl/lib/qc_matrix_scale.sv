// SPDX-License-Identifier: 0BSD
// y = FACTOR * x + offset as a sum of shifts, modulo 2^OUT; one register.
module qc_matrix_scale #(
    parameter int IN = 1,
    parameter int OUT = 2,
    parameter int FACTOR = 1
) (
    input logic clk,
    input logic en,
    input logic signed [IN-1:0] x,
    input logic signed [OUT-1:0] offset,
    output logic signed [OUT-1:0] y
);
    logic signed [OUT-1:0] sum;
    always_comb begin
        sum = offset;
        for (int i = 0; i < 32; i++) begin
            if (FACTOR[i]) sum = sum + (OUT'(x) <<< i);
        end
    end
    always_ff @(posedge clk) if (en) y <= sum;
endmodule
