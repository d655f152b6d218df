// SPDX-License-Identifier: 0BSD
// A constant memory of DEPTH words from FILE (hexadecimal, one word a line), read into a register.
module qc_rom #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 2,
    parameter FILE = "",
    localparam int ADDRESS = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input logic clk,
    input logic en,
    input logic [ADDRESS-1:0] address,
    output logic [WIDTH-1:0] q
);
    logic [WIDTH-1:0] words[DEPTH];
    initial $readmemh(FILE, words);
    if (DEPTH == 1) begin : g_single
        logic unused;
        assign unused = &{1'b0, clk, en, address};
        assign q = words[0];
    end else begin : g_many
        always_ff @(posedge clk) if (en) q <= words[address];
    end
endmodule
