// SPDX-License-Identifier: 0BSD
// Marks the last of every WORDS words of a port: TLAST.
`default_nettype none

module qc_last #(
    parameter int WORDS = 1
) (
    input  logic clk,
    input  logic rst,
    input  logic valid,
    input  logic ready,
    output logic last
);
    localparam int COUNT = WORDS > 1 ? $clog2(WORDS) : 1;

    logic [COUNT-1:0] place;

    assign last = place == COUNT'(WORDS - 1);

    always_ff @(posedge clk) begin
        if (rst) place <= '0;
        else if (valid && ready) place <= last ? '0 : place + 1'b1;
    end
endmodule

`default_nettype wire
