// SPDX-License-Identifier: 0BSD
// The sum of COUNT signed terms, modulo 2^SUM: clog2(COUNT) levels of adders, each with registers.
//
// With CARRY, a one may be due for each term: an adder takes that of its left side in as a carry
// and hands on that of its right side; the last one is still to be added to the total.
module qc_tree #(
    parameter int COUNT = 2,
    parameter int WIDTH = 8,
    parameter int SUM = 9,
    parameter bit CARRY = 0
) (
    input logic clk,
    input logic en,
    input logic [COUNT*WIDTH-1:0] terms,
    input logic [COUNT-1:0] due,
    output logic [SUM-1:0] total,
    output logic carry
);
    localparam int LEVELS = $clog2(COUNT);
    logic unused;
    assign unused = &{1'b0, clk, en, terms, due};
    for (genvar l = 0; l <= LEVELS; l++) begin : g_level
        localparam int TERMS = (COUNT + (1 << l) - 1) >> l;
        localparam int BITS = WIDTH + l < SUM ? WIDTH + l : SUM;
        logic [TERMS*BITS-1:0] sums;
        logic [TERMS-1:0] late;
        logic unused_late;
        assign unused_late = &{1'b0, late};
        if (l == 0) begin : g_due
            assign late = CARRY ? due : '0;
        end
        for (genvar i = 0; i < TERMS; i++) begin : g_sum
            if (l == 0) begin : g_term
                assign sums[i*BITS+:BITS] = BITS'(signed'(terms[i*WIDTH+:WIDTH]));
            end else begin : g_add
                localparam int BEFORE = (COUNT + (1 << (l - 1)) - 1) >> (l - 1);
                localparam int NARROW = WIDTH + l - 1 < SUM ? WIDTH + l - 1 : SUM;
                logic signed [NARROW-1:0] a;
                logic signed [BITS-1:0] sum;
                assign a = g_level[l-1].sums[2*i*NARROW+:NARROW];
                if (2 * i + 1 < BEFORE) begin : g_two
                    logic signed [NARROW-1:0] b;
                    assign b = g_level[l-1].sums[(2*i+1)*NARROW+:NARROW];
                    if (CARRY) begin : g_carry
                        logic signed [NARROW:0] left, right;  // the carry enters below them
                        logic signed [BITS:0] more;
                        logic unused_bit;
                        assign unused_bit = more[0];
                        assign left = {a, 1'b1};
                        assign right = {b, g_level[l-1].late[2*i]};
                        assign more = (BITS + 1)'(left) + (BITS + 1)'(right);
                        always_ff @(posedge clk) if (en) sum <= more[BITS:1];
                        always_ff @(posedge clk) if (en) late[i] <= g_level[l-1].late[2*i+1];
                    end else begin : g_no_carry
                        always_ff @(posedge clk) if (en) sum <= BITS'(a) + BITS'(b);
                        assign late[i] = 1'b0;
                    end
                end else begin : g_one
                    always_ff @(posedge clk) if (en) sum <= BITS'(a);
                    always_ff @(posedge clk) if (en) late[i] <= g_level[l-1].late[2*i];
                end
                assign sums[i*BITS+:BITS] = sum;
            end
        end
    end
    assign carry = g_level[LEVELS].late[0];
    assign total = SUM'(signed'(g_level[LEVELS].sums));
endmodule
