// SPDX-License-Identifier: 0BSD
// The weights of a PE group, one word of the memory a step; they meet `x` two registers later.
//
// Stored codes are the weights, or they mean STEP * code + offset with an offset for each PE.
module qc_matrix_weights #(
    parameter int PE = 1,
    parameter int SIMD = 1,
    parameter int TILES = 1,
    parameter int ROWS = 1,
    parameter int STORED = 8,  // bits of a code
    parameter int BITS = 8,  // of a weight, with its sign
    parameter bit CODED = 0,
    parameter int STEP = 1,
    parameter int OFFSET = 1,  // bits of an offset
    parameter bit OFFSET_SIGNED = 0,
    parameter WEIGHTS = "",
    parameter OFFSETS = "",
    localparam int ROW = ROWS > 1 ? $clog2(ROWS) : 1,
    localparam int TILE = TILES > 1 ? $clog2(TILES) : 1
) (
    input logic clk,
    input logic en,
    input logic [ROW-1:0] row,
    input logic [TILE-1:0] tile,
    output logic [PE*SIMD*BITS-1:0] weights
);
    logic [PE*SIMD*STORED-1:0] codes;
    if (CODED) begin : g_coded
        logic [PE*OFFSET-1:0] offsets;
        qc_rom #(.WIDTH(PE * SIMD * STORED), .DEPTH(TILES), .FILE(WEIGHTS)) u_rom (
                .clk, .en, .address(tile), .q(codes)
        );
        qc_rom #(.WIDTH(PE * OFFSET), .DEPTH(ROWS), .FILE(OFFSETS)) u_offset_rom (
                .clk, .en, .address(row), .q(offsets)
        );
        for (genvar i = 0; i < PE * SIMD; i++) begin : g_weight
            localparam int AT = i / SIMD * OFFSET;
            logic signed [BITS-1:0] offset, weight;
            if (OFFSET_SIGNED) begin : g_sign
                assign offset = BITS'(signed'(offsets[AT+:OFFSET]));
            end else begin : g_zeros
                assign offset = BITS'(offsets[AT+:OFFSET]);
            end
            qc_matrix_scale #(.IN(STORED), .OUT(BITS), .FACTOR(STEP)) u_scale (
                    .clk, .en, .x(codes[i*STORED+:STORED]), .offset, .y(weight)
            );
            assign weights[i*BITS+:BITS] = weight;
        end
    end else begin : g_plain
        logic [TILE-1:0] tile_q;
        logic unused;
        assign unused = &{1'b0, row};
        qc_delay #(.WIDTH(TILE), .DEPTH(1)) u_address (.clk, .en, .d(tile), .q(tile_q));
        qc_rom #(.WIDTH(PE * SIMD * STORED), .DEPTH(TILES), .FILE(WEIGHTS)) u_rom (
                .clk, .en, .address(tile_q), .q(codes)
        );
        assign weights = codes;
    end
endmodule
