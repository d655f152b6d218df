// A microcontroller around CV32E40P: the core, the mixed-precision unit, and a bus to memories that
// the harness holds. The core's RTL is used as its package has it.
//
// Memories answer in the next cycle; a read of flash takes `flash_wait_i` cycles longer, during which
// its port (instructions or data) takes no other request.

module system (
    input  wire         clk_i,
    input  wire         reset_ni,
    input  wire         interrupt_i,     // the machine timer interrupt
    input  wire  [ 7:0] flash_wait_i,
    input  wire  [ 1:0] unit_i,          // 0: no unit; 1: dot products; 2: requantization too
    output logic        enabled_o,       // interrupts may enter now
    output logic [63:0] cycles_o,
    output logic [63:0] instructions_o,
    output logic [63:0] loads_o,
    output logic [63:0] stores_o
);

  // The harness' memories and devices. Reads of instructions outside memory give 0, which is illegal
  // when it is executed, because a core fetches ahead of what it executes.
  import "DPI-C" function int unsigned qc_fetch(input int unsigned address);
  import "DPI-C" function int unsigned qc_load(
    input int unsigned address,
    input int unsigned program_counter
  );
  import "DPI-C" function void qc_store(
    input int unsigned address,
    input int unsigned data,
    input int unsigned enables,
    input int unsigned program_counter
  );
  import "DPI-C" function void qc_no_operation(input int unsigned operation);

  // Inputs pass through registers, so that a simulator has nothing to do at the falling clock edge.
  logic rst_ni, interrupt_q;
  logic [7:0] flash_wait_q;
  logic [1:0] unit_q;

  always_ff @(posedge clk_i) begin
    rst_ni <= reset_ni;
    interrupt_q <= interrupt_i;
    flash_wait_q <= flash_wait_i;
    unit_q <= unit_i;
  end

  logic instr_req, instr_gnt, instr_rvalid;
  logic [31:0] instr_addr, instr_rdata;
  logic data_req, data_gnt, data_rvalid, data_we;
  logic [3:0] data_be;
  logic [31:0] data_addr, data_wdata, data_rdata;
  logic unit_req;
  logic [2:0][31:0] unit_operands;
  logic [5:0] unit_op;
  logic [31:0] unit_result;

  cv32e40p_core #(
      .COREV_PULP(1),
      .FPU(1),
      .ZFINX(1)
  ) core_i (
      .clk_i,
      .rst_ni,
      .pulp_clock_en_i(1'b1),
      .scan_cg_en_i(1'b0),
      .boot_addr_i(32'd0),
      .mtvec_addr_i(32'd0),
      .dm_halt_addr_i(32'd0),
      .hart_id_i(32'd0),
      .dm_exception_addr_i(32'd0),
      .instr_req_o(instr_req),
      .instr_gnt_i(instr_gnt),
      .instr_rvalid_i(instr_rvalid),
      .instr_addr_o(instr_addr),
      .instr_rdata_i(instr_rdata),
      .data_req_o(data_req),
      .data_gnt_i(data_gnt),
      .data_rvalid_i(data_rvalid),
      .data_we_o(data_we),
      .data_be_o(data_be),
      .data_addr_o(data_addr),
      .data_wdata_o(data_wdata),
      .data_rdata_i(data_rdata),
      .apu_busy_o(),
      .apu_req_o(unit_req),
      .apu_gnt_i(1'b1),
      .apu_operands_o(unit_operands),
      .apu_op_o(unit_op),
      .apu_flags_o(),
      .apu_rvalid_i(unit_req),
      .apu_result_i(unit_result),
      .apu_flags_i(5'd0),
      .irq_i({24'd0, interrupt_q, 7'd0}),
      .irq_ack_o(),
      .irq_id_o(),
      .debug_req_i(1'b0),
      .debug_havereset_o(),
      .debug_running_o(),
      .debug_halted_o(),
      .fetch_enable_i(1'b1),
      .core_sleep_o()
  );

  // ---- the unit -----------------------------------------------------------------------------------

  // The port carries the opcode as the floating-point operation that it stands for in the base set.
  logic [1:0] operation;
  logic known;

  always_comb begin
    known = 1'b1;
    case (unit_op)
      6'h00: operation = 2'd0;  // fmadd
      6'h10: operation = 2'd1;  // fmsub
      6'h01: operation = 2'd2;  // fnmsub
      6'h11: operation = 2'd3;  // fnmadd
      default: begin
        operation = 2'd0;
        known = 1'b0;
      end
    endcase
    if (unit_q == 2'd0 || (unit_q == 2'd1 && operation == 2'd3)) known = 1'b0;
  end

  // An instruction waits in the execute stage while an earlier load or store has no response, and the
  // request stays up: the state of the unit changes only in the cycle in which it leaves.
  logic data_pending;
  wire commit = !data_pending || data_rvalid;

  mixed_precision_unit #(
      .REQUANTIZE(1)
  ) unit_of_core_i (
      .clk_i,
      .rst_ni,
      .request_i(unit_req),
      .commit_i(commit),
      .operation_i(operation),
      .rs1_i(unit_operands[0]),
      .rs2_i(unit_operands[1]),
      .rs3_i(unit_operands[2]),
      .result_o(unit_result)
  );

  // ---- the bus ------------------------------------------------------------------------------------

  logic [7:0] instr_wait, data_wait;
  logic instr_pending;
  wire instr_flash = instr_addr[31:28] == 4'd0;
  wire data_flash = data_addr[31:28] == 4'd0;

  assign instr_gnt = instr_wait == 8'd0;
  assign instr_rvalid = instr_pending && instr_wait == 8'd0;
  assign data_gnt = data_wait == 8'd0;
  assign data_rvalid = data_pending && data_wait == 8'd0;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      instr_pending <= 1'b0;
      instr_wait <= 8'd0;
      data_pending <= 1'b0;
      data_wait <= 8'd0;
    end else begin
      if (instr_wait != 8'd0) begin
        instr_wait <= instr_wait - 8'd1;
      end else begin
        instr_pending <= instr_req;
        if (instr_req) begin
          instr_wait  <= instr_flash ? flash_wait_q : 8'd0;
          instr_rdata <= qc_fetch(instr_addr);
        end
      end
      if (data_wait != 8'd0) begin
        data_wait <= data_wait - 8'd1;
      end else begin
        data_pending <= data_req;
        if (data_req) begin
          data_wait <= data_flash ? flash_wait_q : 8'd0;
          if (data_we)
            qc_store(data_addr, data_wdata, {28'd0, data_be}, core_i.id_stage_i.pc_ex_o);
          else data_rdata <= qc_load(data_addr, core_i.id_stage_i.pc_ex_o);
        end
      end
    end
  end

  assign enabled_o = core_i.m_irq_enable;

  // ---- counters -----------------------------------------------------------------------------------

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      cycles_o <= 64'd0;
      instructions_o <= 64'd0;
      loads_o <= 64'd0;
      stores_o <= 64'd0;
    end else begin
      cycles_o <= cycles_o + 64'd1;
      // The event of the core's own counter of retired instructions.
      if (core_i.id_stage_i.minstret) instructions_o <= instructions_o + 64'd1;
      if (data_req && data_gnt && !data_we) loads_o <= loads_o + 64'd1;
      if (data_req && data_gnt && data_we) stores_o <= stores_o + 64'd1;
      if (unit_req && !known) qc_no_operation({26'd0, unit_op});
    end
  end

endmodule
