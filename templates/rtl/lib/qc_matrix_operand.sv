// SPDX-License-Identifier: 0BSD
// The words of a window, kept for the turns after the first; two registers.
//
// `triple` is 3 * x of each lane, which every product of the lane shares.
module qc_matrix_operand #(
    parameter int LANES = 1,
    parameter int BITS = 8,
    parameter bit SIGNED = 0,
    parameter int COLUMNS = 1,
    parameter bit BUFFERED = 1,
    localparam int COLUMN = COLUMNS > 1 ? $clog2(COLUMNS) : 1
) (
    input logic clk,
    input logic advance,
    input logic load,
    input logic [COLUMN-1:0] column,
    input logic [LANES*BITS-1:0] in_data,
    output logic [LANES*BITS-1:0] x,
    output logic [LANES*(BITS+2)-1:0] triple
);
    logic [LANES*BITS-1:0] q;
    if (BUFFERED) begin : g_buffer
        logic [LANES*BITS-1:0] window[COLUMNS];
        always_ff @(posedge clk) begin
            if (advance) begin
                if (load) begin
                    window[column] <= in_data;
                    q <= in_data;
                end else begin
                    q <= window[column];
                end
            end
        end
    end else begin : g_direct
        logic unused;
        assign unused = &{1'b0, load, column};
        always_ff @(posedge clk) if (advance) q <= in_data;
    end
    always_ff @(posedge clk) if (advance) x <= q;

    for (genvar i = 0; i < LANES; i++) begin : g_lane
        logic signed [BITS+1:0] wide, three;
        if (SIGNED) begin : g_sign
            assign wide = (BITS + 2)'(signed'(q[i*BITS+:BITS]));
        end else begin : g_zeros
            assign wide = (BITS + 2)'(q[i*BITS+:BITS]);
        end
        always_ff @(posedge clk) if (advance) three <= wide + (wide <<< 1);
        assign triple[i*(BITS+2)+:BITS+2] = three;
    end
endmodule
