/* Wine 8 has no bcryptprimitives.dll, from which Rust's standard library takes its random numbers on Windows 10 and later. For tests in
   Wine only: the same by the function that older Windows has. */
#include <stddef.h>
#include <windows.h>

BOOLEAN WINAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) {
    return SystemFunction036(data, (ULONG)length);
}
