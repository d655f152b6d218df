// SPDX-License-Identifier: 0BSD
// A number rounded to its 24 leading bits, ties to even: combinational.
module qc_rounded #(
    parameter int unsigned BITS = 32
) (
    input  logic signed [BITS-1:0] in,
    output logic signed [BITS-1:0] out
);
    logic [BITS-1:0] size, dropped, half, addend, lowest;
    logic unused;

    // Bit i is dropped if a bit from 24 + i on is part of the number. A negative power of two counts
    // one bit too few here, and is exact either way.
    assign unused = &{1'b0, size};
    assign size = in[BITS-1] ? ~in : in;
    for (genvar i = 0; i < BITS; i++) begin : place
        if (24 + i < BITS) begin : drop
            assign dropped[i] = |size[BITS-1:24+i];
        end else begin : drop
            assign dropped[i] = 1'b0;
        end
    end

    assign lowest = {dropped[BITS-2:0], 1'b1} & ~dropped;  // the lowest bit that stays
    assign half = dropped >> 1;                            // just less than half of it
    assign addend = dropped[0] ? half + BITS'(|(in & lowest)) : '0;
    assign out = (in + addend) & ~dropped;
endmodule
