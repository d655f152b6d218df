// SPDX-License-Identifier: 0BSD
// The words of a constant tensor, over and over. Latency 1: the read register of the memory.
module qc_constants #(
    parameter int unsigned WORDS = 1,
    parameter int unsigned WIDTH = 8,
    parameter              FILE = ""
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             advance,
    input  logic             fire,
    output logic [WIDTH-1:0] out
);
    localparam int unsigned AT_BITS = WORDS > 1 ? $clog2(WORDS) : 1;
    logic [AT_BITS-1:0] at;
    logic last, unused;

    assign unused = &{1'b0, last};

    qc_counter #(.LIMIT(WORDS)) u_words (.clk, .rst, .step(fire), .count(at), .last);
    qc_rom #(.WIDTH(WIDTH), .DEPTH(WORDS), .FILE(FILE)) u_rom (
        .clk, .en(advance), .address(at), .q(out)
    );
endmodule
