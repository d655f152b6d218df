// The mixed-precision unit: dot products of 8-, 4- and 2-bit lanes, added to a 32-bit accumulator.
//
// It hangs on the auxiliary-unit port of CV32E40P and answers in the cycle of the request.
// Formats (activation bits x weight bits): 8x8, 8x4, 8x2, 4x4, 4x2, 2x2. Where weights are narrower
// than activations, one weight word serves `ratio` activation words: the slice index says which
// part of it, and advances by itself after `skip` dot products.
//
// status: [1:0] activation width, [3:2] weight width (0: 8 bits, 1: 4, 2: 2; 3 is reserved)
//         [8:4] skip - 1   [10:9] slice index   [15:11] dot products made in this slice
//         [20:16] k  [25:21] s  [28:26] output bits - 1  [29] output signed    (requantization)
//
// The subset of SystemVerilog is the one that Verilator and Yosys both read.

module mixed_precision_unit #(
    parameter bit REQUANTIZE = 1  // with the one-cycle requantize-and-clip, or result 0 for it
) (
    input  wire         clk_i,
    input  wire         rst_ni,
    input  wire         request_i,    // operands are valid; the result is used in this cycle
    input  wire         commit_i,     // the instruction leaves this cycle: its state change holds
    input  wire  [ 1:0] operation_i,
    input  wire  [31:0] rs1_i,
    input  wire  [31:0] rs2_i,
    input  wire  [31:0] rs3_i,
    output logic [31:0] result_o
);

  localparam bit [1:0] DotUnsigned = 2'd0;  // activations unsigned, weights signed
  localparam bit [1:0] DotSigned = 2'd1;  // both signed
  localparam bit [1:0] Status = 2'd2;
  localparam bit [1:0] Requantize = 2'd3;

  logic [29:0] status_q;
  wire  [ 1:0] activation_width = status_q[1:0];
  wire  [ 1:0] weight_width = status_q[3:2];
  wire  [ 1:0] narrowing = weight_width - activation_width;  // log2 of the ratio
  wire         dot = operation_i == DotUnsigned || operation_i == DotSigned;

  // ---- status -----------------------------------------------------------------------------------

  wire         slice_done = status_q[15:11] == status_q[8:4];
  wire  [ 1:0] last_slice = {narrowing[1], narrowing != 2'd0};  // ratio - 1
  logic [29:0] status_d;

  always_comb begin
    status_d = status_q;
    if (dot) begin
      status_d[15:11] = slice_done ? 5'd0 : status_q[15:11] + 5'd1;
      if (slice_done) status_d[10:9] = (status_q[10:9] + 2'd1) & last_slice;
    end else if (operation_i == Status) begin
      status_d = (status_q & ~rs2_i[29:0]) | (rs1_i[29:0] & rs2_i[29:0]);
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) status_q <= 30'd0;
    else if (request_i && commit_i) status_q <= status_d;
  end

  // ---- weights of this slice, widened to the width of the activations -----------------------------

  wire  [ 1:0] slice = status_q[10:9] & last_slice;
  logic [31:0] weights;
  logic [15:0] half;
  logic [ 7:0] quarter;

  always_comb begin
    half = slice[0] ? rs2_i[31:16] : rs2_i[15:0];
    quarter = rs2_i[{slice, 3'd0}+:8];
    weights = rs2_i;
    if (narrowing == 2'd2) begin  // 2 bits to 8
      for (int i = 0; i < 4; i++) weights[8*i+:8] = {{6{quarter[2*i+1]}}, quarter[2*i+:2]};
    end else if (narrowing == 2'd1 && activation_width == 2'd0) begin  // 4 bits to 8
      for (int i = 0; i < 4; i++) weights[8*i+:8] = {{4{half[4*i+3]}}, half[4*i+:4]};
    end else if (narrowing == 2'd1) begin  // 2 bits to 4
      for (int i = 0; i < 8; i++) weights[4*i+:4] = {{2{half[2*i+1]}}, half[2*i+:2]};
    end
  end

  // ---- one tree of products for each activation width ---------------------------------------------

  wire is_signed = operation_i == DotSigned;
  logic signed [17:0] sum8;
  logic signed [11:0] sum4;
  logic signed [8:0] sum2;
  logic signed [8:0] x8;
  logic signed [4:0] x4;
  logic signed [2:0] x2;
  logic signed [7:0] w8;
  logic signed [3:0] w4;
  logic signed [1:0] w2;

  always_comb begin
    sum8 = 18'sd0;
    x8   = 9'sd0;
    w8   = 8'sd0;
    if (request_i && dot && activation_width == 2'd0) begin
      for (int i = 0; i < 4; i++) begin
        x8   = {is_signed & rs1_i[8*i+7], rs1_i[8*i+:8]};
        w8   = weights[8*i+:8];
        sum8 = sum8 + x8 * w8;
      end
    end
  end

  always_comb begin
    sum4 = 12'sd0;
    x4   = 5'sd0;
    w4   = 4'sd0;
    if (request_i && dot && activation_width == 2'd1) begin
      for (int i = 0; i < 8; i++) begin
        x4   = {is_signed & rs1_i[4*i+3], rs1_i[4*i+:4]};
        w4   = weights[4*i+:4];
        sum4 = sum4 + x4 * w4;
      end
    end
  end

  always_comb begin
    sum2 = 9'sd0;
    x2   = 3'sd0;
    w2   = 2'sd0;
    if (request_i && dot && activation_width[1]) begin
      for (int i = 0; i < 16; i++) begin
        x2   = {is_signed & rs1_i[2*i+1], rs1_i[2*i+:2]};
        w2   = weights[2*i+:2];
        sum2 = sum2 + x2 * w2;
      end
    end
  end

  // ---- clip(((rs1 * rs2 >>> k) + rs3) >>> s) ------------------------------------------------------

  logic [31:0] code;

  generate
    if (REQUANTIZE) begin : gen_requantize
      // 64 bits hold all of it: |product| <= 2^62, and the bias adds at most 2^31.
      logic signed [63:0] scaled;
      logic signed [63:0] low;
      logic signed [63:0] high;

      always_comb begin
        scaled = 64'sd0;
        low    = 64'sd0;
        high   = 64'sd0;
        code   = 32'd0;
        if (request_i && operation_i == Requantize) begin
          scaled = $signed(rs1_i) * $signed(rs2_i);
          scaled = (scaled >>> status_q[20:16]) + $signed({{32{rs3_i[31]}}, rs3_i});
          scaled = scaled >>> status_q[25:21];
          if (status_q[29]) begin
            low  = -(64'sd1 <<< status_q[28:26]);
            high = ~low;
          end else begin
            high = (64'sd2 <<< status_q[28:26]) - 64'sd1;
          end
          if (scaled < low) code = low[31:0];
          else if (scaled > high) code = high[31:0];
          else code = scaled[31:0];
        end
      end
    end else begin : gen_dots_only
      assign code = 32'd0;
    end
  endgenerate

  // ---- result -------------------------------------------------------------------------------------

  always_comb begin
    case (operation_i)
      Status: result_o = {2'b00, status_q};
      Requantize: result_o = code;
      default: result_o = rs3_i + {{14{sum8[17]}}, sum8} + {{20{sum4[11]}}, sum4} + {{23{sum2[8]}}, sum2};
    endcase
  end

endmodule
