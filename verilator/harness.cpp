// Runs a firmware image on the verilated system and prints one JSON object about the run.
//
// usage: system --image FLASH [--input FILE] [--output FILE --output-offset N --output-bytes N]
//               [--wait N] [--unit 0|1|2] [--max-cycles N]
//               [--interrupt-min N --interrupt-max N] [--seed N] [--stack-limit ADDRESS]
//
// Memory map:   0x00000000 flash, 4 MB      0x10000000 RAM, 1 MB
//               0x20000000 exchange window, 64 MB, filled before the start and read after the end
//               0x30000000 devices: +0 MARK, +4 EXIT, +8 PUTCHAR, +12 TIMER, +16 CAUSE, +20 TRAP
//
// The exit status is 0 when the firmware wrote EXIT, 1 when it failed (the JSON says how), 2 for
// wrong options.

#include "Vsystem.h"
#include "verilated.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr uint32_t flash_base = 0x00000000, flash_bytes = 4u << 20;
constexpr uint32_t ram_base = 0x10000000, ram_bytes = 1u << 20;
constexpr uint32_t exchange_base = 0x20000000, exchange_bytes = 64u << 20;
constexpr uint32_t device_base = 0x30000000;
constexpr uint32_t untouched = 0xA5C3A5C3;  // RAM before the start: shows how deep the stack went

enum Device : uint32_t { MARK = 0, EXIT = 4, PUTCHAR = 8, TIMER = 12, CAUSE = 16, TRAP = 20 };

struct Marker {
    uint32_t id;
    uint64_t cycles, instructions, loads, stores;
};

struct State {
    std::vector<uint32_t> flash = std::vector<uint32_t>(flash_bytes / 4);
    std::vector<uint32_t> ram = std::vector<uint32_t>(ram_bytes / 4, untouched);
    std::vector<uint32_t> exchange;  // as long as it was touched: grows by stores
    std::vector<Marker> markers;
    std::string text;
    std::string fault;  // why the run failed; empty while it has not
    uint32_t fault_address = 0, fault_pc = 0, cause = 0, exit_code = 0;
    bool done = false;
    uint64_t timer = 0;  // cycles until the interrupt is raised; 0: never
    uint64_t chance = 0;  // the same for a random interrupt, in cycles outside the handler
    bool interrupt = false;
    uint32_t interrupt_min = 0, interrupt_max = 0;  // of the random intervals; 0: none
    std::mt19937 random;
    Vsystem *top = nullptr;
} state;

void fail(const char *why, uint32_t address, uint32_t program_counter)
{
    if (state.done)
        return;
    state.done = true;
    state.fault = why;
    state.fault_address = address;
    state.fault_pc = program_counter;
}

uint64_t next_interval()
{
    if (state.interrupt_max == 0)
        return 0;
    const uint32_t span = state.interrupt_max - state.interrupt_min + 1;
    return state.interrupt_min + state.random() % span;
}

// The word at `address`, or null outside RAM, flash and exchange window.
uint32_t *word(uint32_t address)
{
    if (address - ram_base < ram_bytes)
        return &state.ram[(address - ram_base) / 4];
    if (address - flash_base < flash_bytes)
        return &state.flash[(address - flash_base) / 4];
    if (address - exchange_base < exchange_bytes) {
        const size_t place = (address - exchange_base) / 4;
        if (place >= state.exchange.size())
            state.exchange.resize(std::min<size_t>(2 * place + 1024, exchange_bytes / 4));
        return &state.exchange[place];
    }
    return nullptr;
}

void device(uint32_t offset, uint32_t data, uint32_t program_counter)
{
    const Vsystem &top = *state.top;
    switch (offset) {
    case MARK:
        state.markers.push_back(
            {data, top.cycles_o, top.instructions_o, top.loads_o, top.stores_o});
        break;
    case EXIT:
        state.exit_code = data;
        state.done = true;
        break;
    case PUTCHAR:
        state.text.push_back(static_cast<char>(data));
        break;
    case TIMER:
        state.interrupt = false;
        state.timer = data;
        if (data == 0)
            state.chance = next_interval();
        break;
    case CAUSE:
        state.cause = data;
        break;
    case TRAP:
        fail("trap", data, data);
        break;
    default:
        fail("store to a device that is not there", device_base + offset, program_counter);
    }
}

}  // namespace

extern "C" unsigned int qc_fetch(unsigned int address)
{
    const uint32_t *place = address < exchange_base ? word(address) : nullptr;
    return place ? *place : 0;
}

extern "C" unsigned int qc_load(unsigned int address, unsigned int program_counter)
{
    const uint32_t *place = word(address);
    if (place)
        return *place;
    fail("load outside memory", address, program_counter);
    return 0;
}

extern "C" void qc_store(unsigned int address, unsigned int data, unsigned int enables,
                         unsigned int program_counter)
{
    if (address - device_base < 0x1000) {
        device(address - device_base, data, program_counter);
        return;
    }
    uint32_t *place = word(address);
    if (!place || address - flash_base < flash_bytes) {
        fail(place ? "store to flash" : "store outside memory", address, program_counter);
        return;
    }
    uint32_t mask = 0;
    for (int byte = 0; byte < 4; byte++)
        mask |= (enables >> byte & 1) ? 0xFFu << (8 * byte) : 0;
    *place = (*place & ~mask) | (data & mask);
}

extern "C" void qc_no_operation(unsigned int operation)
{
    fail("an operation that the unit of this core does not have", operation, 0);
}

namespace {

using Options = std::map<std::string, std::string>;

[[noreturn]] void usage(const std::string &why)
{
    std::fprintf(stderr, "system: %s\n", why.c_str());
    std::exit(2);
}

Options read_options(int count, char **words)
{
    static const char *known[] = {"image", "input", "output", "output-offset", "output-bytes",
                                  "wait", "unit", "max-cycles", "interrupt-min", "interrupt-max",
                                  "seed", "stack-limit"};
    Options options;
    for (int i = 1; i < count; i += 2) {
        bool found = false;
        for (const char *name : known)
            found = found || std::string("--") + name == words[i];
        if (!found || i + 1 >= count)
            usage(std::string("not an option, or without its value: ") + words[i]);
        options[words[i] + 2] = words[i + 1];
    }
    if (!options.count("image"))
        usage("--image is needed");
    return options;
}

uint64_t number(const Options &options, const char *name, uint64_t otherwise)
{
    const auto found = options.find(name);
    return found == options.end() ? otherwise : std::strtoull(found->second.c_str(), nullptr, 0);
}

void read_into(std::vector<uint32_t> &words, const std::string &path, size_t most)
{
    std::ifstream file(path, std::ios::binary);
    if (!file)
        usage("cannot read " + path);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    if (bytes.size() > most)
        usage(path + " is larger than its memory");
    if (words.size() < (bytes.size() + 3) / 4)
        words.resize((bytes.size() + 3) / 4);
    std::memcpy(words.data(), bytes.data(), bytes.size());
}

void write_output(const Options &options)
{
    if (!options.count("output"))
        return;
    const uint64_t offset = number(options, "output-offset", 0);
    const uint64_t bytes = number(options, "output-bytes", 0);
    if (offset + bytes > exchange_bytes)
        usage("the output lies outside the exchange window");
    if (state.exchange.size() < (offset + bytes + 3) / 4)
        state.exchange.resize((offset + bytes + 3) / 4);
    std::ofstream file(options.at("output"), std::ios::binary);
    file.write(reinterpret_cast<const char *>(state.exchange.data()) + offset,
               static_cast<std::streamsize>(bytes));
    if (!file)
        usage("cannot write " + options.at("output"));
}

// Bytes of RAM above `limit` (the end of the variables) that the stack reached.
uint64_t stack_bytes(uint32_t limit)
{
    size_t place = (limit - ram_base + 3) / 4;
    while (place < state.ram.size() && state.ram[place] == untouched)
        place++;
    return ram_bytes - 4 * place;
}

void run(uint64_t max_cycles)
{
    Vsystem &top = *state.top;
    state.chance = next_interval();
    top.clk_i = 0;
    top.reset_ni = 0;
    top.interrupt_i = 0;
    for (int i = 0; i < 4; i++) {
        top.clk_i = !top.clk_i;
        top.eval();
    }
    top.reset_ni = 1;
    while (!state.done) {
        if (state.timer && --state.timer == 0)
            state.interrupt = true;
        if (state.chance && top.enabled_o && --state.chance == 0)
            state.interrupt = true;
        top.clk_i = 1;
        top.eval();
        top.interrupt_i = state.interrupt;
        top.clk_i = 0;
        top.eval();
        if (top.cycles_o >= max_cycles)
            fail("too many cycles", 0, 0);
    }
}

std::string json_text(const std::string &text)
{
    std::string out = "\"";
    for (const char c : text) {
        char escaped[8];
        const unsigned value = static_cast<unsigned char>(c);
        const bool plain = value >= 0x20 && value < 0x7F && c != '"' && c != '\\';
        std::snprintf(escaped, sizeof escaped, plain ? "%c" : "\\u%04x", value);
        out += escaped;
    }
    return out + '"';
}

void print(const Options &options)
{
    const Vsystem &top = *state.top;
    std::printf("{\"fault\": %s, \"address\": %u, \"pc\": %u, \"cause\": %u, \"word\": %u,\n",
                json_text(state.fault).c_str(), state.fault_address, state.fault_pc, state.cause,
                qc_fetch(state.fault_pc));
    std::printf(" \"exit_code\": %u, \"cycles\": %llu, \"instructions\": %llu,\n", state.exit_code,
                static_cast<unsigned long long>(top.cycles_o),
                static_cast<unsigned long long>(top.instructions_o));
    if (options.count("stack-limit"))
        std::printf(" \"stack_bytes\": %llu,\n", static_cast<unsigned long long>(stack_bytes(
                        static_cast<uint32_t>(number(options, "stack-limit", 0)))));
    std::printf(" \"text\": %s,\n \"markers\": [", json_text(state.text).c_str());
    const char *between = "";
    for (const Marker &m : state.markers) {
        std::printf("%s[%u, %llu, %llu, %llu, %llu]", between, m.id,
                    static_cast<unsigned long long>(m.cycles),
                    static_cast<unsigned long long>(m.instructions),
                    static_cast<unsigned long long>(m.loads),
                    static_cast<unsigned long long>(m.stores));
        between = ", ";
    }
    std::printf("]}\n");
}

}  // namespace

int main(int count, char **words)
{
    const Options options = read_options(count, words);
    const auto top = std::make_unique<Vsystem>();
    state.top = top.get();
    read_into(state.flash, options.at("image"), flash_bytes);
    if (options.count("input"))
        read_into(state.exchange, options.at("input"), exchange_bytes);
    top->flash_wait_i = static_cast<uint8_t>(number(options, "wait", 0));
    top->unit_i = static_cast<uint8_t>(number(options, "unit", 2));
    state.interrupt_min = static_cast<uint32_t>(number(options, "interrupt-min", 0));
    state.interrupt_max = static_cast<uint32_t>(number(options, "interrupt-max", 0));
    state.random.seed(static_cast<uint32_t>(number(options, "seed", 0)));
    run(number(options, "max-cycles", 1000000000));
    if (state.fault.empty())
        write_output(options);
    print(options);
    return state.fault.empty() ? 0 : 1;
}
