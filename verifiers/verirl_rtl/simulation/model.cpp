// Plays lines of bits into a Verilated model. A line: '1' where the outputs are wanted, then the inputs' bits in
// port order, most significant first. Models that differ only in what is undefined run side by side, in the first
// all 0, in the second all 1, in the others random: where an output differs between them it is 'x'. An input of 'x'
// or 'z' is a random bit in each. One model alone starts with zeros.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "ports.h"
#ifdef VERIRL_TRACE
#include "verilated_vcd_c.h"
#endif

namespace {

template <class Port> void put(Port& port, const char* bits, int width) {
    QData value = 0;
    for (int i = 0; i < width; ++i) value = value << 1 | (bits[i] == '1');
    port = static_cast<Port>(value);
}
template <std::size_t Words> void put(VlWide<Words>& port, const char* bits, int width) {
    for (std::size_t word = 0; word < Words; ++word) port[word] = 0;
    for (int i = 0; i < width; ++i)
        if (bits[i] == '1') port[(width - 1 - i) / 32] |= 1u << ((width - 1 - i) % 32);
}
template <class Port> void get(const Port& port, char* bits, int width) {
    for (int i = 0; i < width; ++i) bits[i] = '0' + (static_cast<QData>(port) >> (width - 1 - i) & 1);
}
template <std::size_t Words> void get(const VlWide<Words>& port, char* bits, int width) {
    for (int i = 0; i < width; ++i) bits[i] = '0' + (port[(width - 1 - i) / 32] >> ((width - 1 - i) % 32) & 1);
}

struct One {
    VerilatedContext context;
    std::unique_ptr<Vdut> dut;
    unsigned long long state;
    explicit One(int seed) : state(0x9e3779b97f4a7c15ull * (seed + 1)) {
        context.randReset(seed < 2 ? seed : 2);
        context.randSeed(seed + 1);
        dut.reset(new Vdut{&context, "dut"});
    }
    char coin() {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        return '0' + (state >> 33 & 1);
    }
};

}  // namespace

int main(int argc, char** argv) {
    const int count = argc > 1 ? std::atoi(argv[1]) : 2;
    std::vector<std::unique_ptr<One>> models;
    for (int seed = 0; seed < count; ++seed) models.emplace_back(new One{seed});
#ifdef VERIRL_TRACE
    VerilatedVcdC trace;
    models[0]->context.traceEverOn(true);
    models[0]->dut->trace(&trace, 99);
    trace.open("trace.vcd");
#endif
    std::vector<char> line(INPUT_BITS + 3), known(INPUT_BITS + 1), bits(OUTPUT_BITS + 1), other(OUTPUT_BITS + 1);
    bits[OUTPUT_BITS] = '\n';
    bool started = count == 1;
    while (std::fgets(line.data(), INPUT_BITS + 3, stdin)) {
        // The first values come out of the undefined: for a process that waits for an edge, each is one.
        for (auto& model : models) {
            if (started) break;
            for (int i = 0; i < INPUT_BITS; ++i)
                known[i] = line[i + 1] == '0' ? '1' : line[i + 1] == '1' ? '0' : model->coin();
            Vdut* dut = model->dut.get();
            const char* from = known.data();
            PUT_ALL
            dut->eval();
        }
        started = true;
        for (auto& model : models) {
            std::memcpy(known.data(), line.data() + 1, INPUT_BITS);
            for (int i = 0; i < INPUT_BITS; ++i)
                if (known[i] != '0' && known[i] != '1') known[i] = model->coin();
            Vdut* dut = model->dut.get();
            const char* from = known.data();
            PUT_ALL
            dut->eval();
            model->context.timeInc(1);
        }
#ifdef VERIRL_TRACE
        trace.dump(models[0]->context.time());
#endif
        if (line[0] != '1') continue;
        for (auto& model : models) {
            Vdut* dut = model->dut.get();
            const bool first = model == models.front();
            char* to = first ? bits.data() : other.data();
            GET_ALL
            for (int i = 0; !first && i < OUTPUT_BITS; ++i)
                if (bits[i] != other[i]) bits[i] = 'x';
        }
        std::fwrite(bits.data(), 1, OUTPUT_BITS + 1, stdout);
        if (count == 1) std::fflush(stdout);
    }
#ifdef VERIRL_TRACE
    trace.close();
#endif
    std::fflush(stdout);
    std::_Exit(0);
}
