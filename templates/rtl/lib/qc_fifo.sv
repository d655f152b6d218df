// SPDX-License-Identifier: 0BSD
// A stream: takes a word while it holds fewer than DEPTH, shows it one cycle later.
//
// Neither handshake depends on the other in the same cycle, so no path runs through it.
`default_nettype none

module qc_fifo #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 2
) (
    input  logic             clk,
    input  logic             rst,
    input  logic [WIDTH-1:0] in_data,
    input  logic             in_valid,
    output logic             in_ready,
    output logic [WIDTH-1:0] out_data,
    output logic             out_valid,
    input  logic             out_ready
);
    localparam int PLACE = DEPTH > 1 ? $clog2(DEPTH) : 1;
    localparam int COUNT = $clog2(DEPTH + 1);
    // Small memories come in powers of two, and so do the pointers that need no comparison.
    localparam bit WHOLE = DEPTH <= 64;
    localparam int SPAN = WHOLE ? 1 << PLACE : DEPTH;
    localparam logic [PLACE-1:0] LAST = PLACE'(SPAN - 1);

    logic [WIDTH-1:0] words[SPAN];
    logic [PLACE-1:0] head, tail;
    logic [COUNT-1:0] count;
    logic             taken, given;

    assign in_ready  = count != COUNT'(DEPTH);
    assign out_valid = count != '0;
    assign out_data  = words[head];
    assign taken     = in_valid && in_ready;
    assign given     = out_valid && out_ready;

    always_ff @(posedge clk) begin
        if (taken) words[tail] <= in_data;
    end

    always_ff @(posedge clk) begin
        if (rst) begin
            head  <= '0;
            tail  <= '0;
            count <= '0;
        end else begin
            if (taken) tail <= !WHOLE && tail == LAST ? '0 : tail + 1'b1;
            if (given) head <= !WHOLE && head == LAST ? '0 : head + 1'b1;
            if (taken && !given) count <= count + 1'b1;
            if (given && !taken) count <= count - 1'b1;
        end
    end

`ifdef QC_TRACE
    // Every word that is taken, with its cycle: what verification compares layer by layer.
    int file, now;
    initial file = $fopen($sformatf("trace/%m.txt"), "w");
    always_ff @(posedge clk) begin
        now <= rst ? 0 : now + 1;
        if (!rst && taken) $fwrite(file, "%0d %h\n", now, in_data);
    end
    final $fclose(file);
`endif
endmodule

`default_nettype wire
