// SPDX-License-Identifier: 0BSD
// DEPTH registers in a row, without a reset: what a signal was DEPTH enabled cycles ago.
module qc_delay #(
    parameter int WIDTH = 1,
    parameter int DEPTH = 1
) (
    input logic clk,
    input logic en,
    input logic [WIDTH-1:0] d,
    output logic [WIDTH-1:0] q
);
    if (DEPTH == 0) begin : g_wire
        logic unused;
        assign unused = &{1'b0, clk, en};
        assign q = d;
    end else begin : g_line
        for (genvar i = 0; i < WIDTH; i++) begin : g_bit
            logic [DEPTH-1:0] line;
            if (DEPTH == 1) begin : g_one
                always_ff @(posedge clk) if (en) line <= d[i];
            end else begin : g_more
                always_ff @(posedge clk) if (en) line <= {line[DEPTH-2:0], d[i]};
            end
            assign q[i] = line[DEPTH-1];
        end
    end
endmodule
