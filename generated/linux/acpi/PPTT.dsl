[000h 0000   4]                    Signature : "PPTT"    [Processor Properties Topology Table]
[004h 0004   4]                 Table Length : 00000174
[008h 0008   1]                     Revision : 02
[009h 0009   1]                     Checksum : E8
[00Ah 0010   6]                       Oem ID : "HVCC  "
[010h 0016   8]                 Oem Table ID : "HVCORE  "
[018h 0024   4]                 Oem Revision : 00000001
[01Ch 0028   4]              Asl Compiler ID : "HVCC"
[020h 0032   4]        Asl Compiler Revision : 00000001


[024h 0036   1]                Subtable Type : 01 [Cache Type]
[025h 0037   1]                       Length : 18
[026h 0038   2]                     Reserved : 0000
[028h 0040   4]        Flags (decoded below) : 0000007F
                                  Size valid : 1
                        Number of Sets valid : 1
                         Associativity valid : 1
                       Allocation Type valid : 1
                            Cache Type valid : 1
                          Write Policy valid : 1
                             Line Size valid : 1
[02Ch 0044   4]          Next Level of Cache : 00000000
[030h 0048   4]                         Size : 01000000
[034h 0052   4]               Number of Sets : 00004000
[038h 0056   1]                Associativity : 10
[039h 0057   1]                   Attributes : 0E
                             Allocation Type : 2
                                  Cache Type : 3
                                Write Policy : 0
[03Ah 0058   2]                    Line Size : 0040

[03Ch 0060   1]                Subtable Type : 00 [Processor Hierarchy Node]
[03Dh 0061   1]                       Length : 18
[03Eh 0062   2]                     Reserved : 0000
[040h 0064   4]        Flags (decoded below) : 00000001
                            Physical package : 1
                     ACPI Processor ID valid : 0
                       Processor is a thread : 0
                              Node is a leaf : 0
                    Identical Implementation : 0
[044h 0068   4]                       Parent : 00000000
[048h 0072   4]            ACPI Processor ID : 00000000
[04Ch 0076   4]      Private Resource Number : 00000001
[050h 0080   4]             Private Resource : 00000024

[054h 0084   1]                Subtable Type : 01 [Cache Type]
[055h 0085   1]                       Length : 18
[056h 0086   2]                     Reserved : 0000
[058h 0088   4]        Flags (decoded below) : 0000007F
                                  Size valid : 1
                        Number of Sets valid : 1
                         Associativity valid : 1
                       Allocation Type valid : 1
                            Cache Type valid : 1
                          Write Policy valid : 1
                             Line Size valid : 1
[05Ch 0092   4]          Next Level of Cache : 00000024
[060h 0096   4]                         Size : 00080000
[064h 0100   4]               Number of Sets : 00000400
[068h 0104   1]                Associativity : 08
[069h 0105   1]                   Attributes : 0E
                             Allocation Type : 2
                                  Cache Type : 3
                                Write Policy : 0
[06Ah 0106   2]                    Line Size : 0040

[06Ch 0108   1]                Subtable Type : 01 [Cache Type]
[06Dh 0109   1]                       Length : 18
[06Eh 0110   2]                     Reserved : 0000
[070h 0112   4]        Flags (decoded below) : 0000007F
                                  Size valid : 1
                        Number of Sets valid : 1
                         Associativity valid : 1
                       Allocation Type valid : 1
                            Cache Type valid : 1
                          Write Policy valid : 1
                             Line Size valid : 1
[074h 0116   4]          Next Level of Cache : 00000054
[078h 0120   4]                         Size : 00008000
[07Ch 0124   4]               Number of Sets : 00000040
[080h 0128   1]                Associativity : 08
[081h 0129   1]                   Attributes : 06
                             Allocation Type : 2
                                  Cache Type : 1
                                Write Policy : 0
[082h 0130   2]                    Line Size : 0040

[084h 0132   1]                Subtable Type : 01 [Cache Type]
[085h 0133   1]                       Length : 18
[086h 0134   2]                     Reserved : 0000
[088h 0136   4]        Flags (decoded below) : 0000007F
                                  Size valid : 1
                        Number of Sets valid : 1
                         Associativity valid : 1
                       Allocation Type valid : 1
                            Cache Type valid : 1
                          Write Policy valid : 1
                             Line Size valid : 1
[08Ch 0140   4]          Next Level of Cache : 00000054
[090h 0144   4]                         Size : 00008000
[094h 0148   4]               Number of Sets : 00000040
[098h 0152   1]                Associativity : 08
[099h 0153   1]                   Attributes : 02
                             Allocation Type : 2
                                  Cache Type : 0
                                Write Policy : 0
[09Ah 0154   2]                    Line Size : 0040

[09Ch 0156   1]                Subtable Type : 00 [Processor Hierarchy Node]
[09Dh 0157   1]                       Length : 20
[09Eh 0158   2]                     Reserved : 0000
[0A0h 0160   4]        Flags (decoded below) : 00000000
                            Physical package : 0
                     ACPI Processor ID valid : 0
                       Processor is a thread : 0
                              Node is a leaf : 0
                    Identical Implementation : 0
[0A4h 0164   4]                       Parent : 0000003C
[0A8h 0168   4]            ACPI Processor ID : 00000000
[0ACh 0172   4]      Private Resource Number : 00000003
[0B0h 0176   4]             Private Resource : 00000054
[0B4h 0180   4]             Private Resource : 0000006C
[0B8h 0184   4]             Private Resource : 00000084

[0BCh 0188   1]                Subtable Type : 00 [Processor Hierarchy Node]
[0BDh 0189   1]                       Length : 14
[0BEh 0190   2]                     Reserved : 0000
[0C0h 0192   4]        Flags (decoded below) : 0000000E
                            Physical package : 0
                     ACPI Processor ID valid : 1
                       Processor is a thread : 1
                              Node is a leaf : 1
                    Identical Implementation : 0
[0C4h 0196   4]                       Parent : 0000009C
[0C8h 0200   4]            ACPI Processor ID : 00000000
[0CCh 0204   4]      Private Resource Number : 00000000

[0D0h 0208   1]                Subtable Type : 00 [Processor Hierarchy Node]
[0D1h 0209   1]                       Length : 14
[0D2h 0210   2]                     Reserved : 0000
[0D4h 0212   4]        Flags (decoded below) : 0000000E
                            Physical package : 0
                     ACPI Processor ID valid : 1
                       Processor is a thread : 1
                              Node is a leaf : 1
                    Identical Implementation : 0
[0D8h 0216   4]                       Parent : 0000009C
[0DCh 0220   4]            ACPI Processor ID : 00000001
[0E0h 0224   4]      Private Resource Number : 00000000

[0E4h 0228   1]                Subtable Type : 01 [Cache Type]
[0E5h 0229   1]                       Length : 18
[0E6h 0230   2]                     Reserved : 0000
[0E8h 0232   4]        Flags (decoded below) : 0000007F
                                  Size valid : 1
                        Number of Sets valid : 1
                         Associativity valid : 1
                       Allocation Type valid : 1
                            Cache Type valid : 1
                          Write Policy valid : 1
                             Line Size valid : 1
[0ECh 0236   4]          Next Level of Cache : 00000024
[0F0h 0240   4]                         Size : 00080000
[0F4h 0244   4]               Number of Sets : 00000400
[0F8h 0248   1]                Associativity : 08
[0F9h 0249   1]                   Attributes : 0E
                             Allocation Type : 2
                                  Cache Type : 3
                                Write Policy : 0
[0FAh 0250   2]                    Line Size : 0040

[0FCh 0252   1]                Subtable Type : 01 [Cache Type]
[0FDh 0253   1]                       Length : 18
[0FEh 0254   2]                     Reserved : 0000
[100h 0256   4]        Flags (decoded below) : 0000007F
                                  Size valid : 1
                        Number of Sets valid : 1
                         Associativity valid : 1
                       Allocation Type valid : 1
                            Cache Type valid : 1
                          Write Policy valid : 1
                             Line Size valid : 1
[104h 0260   4]          Next Level of Cache : 000000E4
[108h 0264   4]                         Size : 00008000
[10Ch 0268   4]               Number of Sets : 00000040
[110h 0272   1]                Associativity : 08
[111h 0273   1]                   Attributes : 06
                             Allocation Type : 2
                                  Cache Type : 1
                                Write Policy : 0
[112h 0274   2]                    Line Size : 0040

[114h 0276   1]                Subtable Type : 01 [Cache Type]
[115h 0277   1]                       Length : 18
[116h 0278   2]                     Reserved : 0000
[118h 0280   4]        Flags (decoded below) : 0000007F
                                  Size valid : 1
                        Number of Sets valid : 1
                         Associativity valid : 1
                       Allocation Type valid : 1
                            Cache Type valid : 1
                          Write Policy valid : 1
                             Line Size valid : 1
[11Ch 0284   4]          Next Level of Cache : 000000E4
[120h 0288   4]                         Size : 00008000
[124h 0292   4]               Number of Sets : 00000040
[128h 0296   1]                Associativity : 08
[129h 0297   1]                   Attributes : 02
                             Allocation Type : 2
                                  Cache Type : 0
                                Write Policy : 0
[12Ah 0298   2]                    Line Size : 0040

[12Ch 0300   1]                Subtable Type : 00 [Processor Hierarchy Node]
[12Dh 0301   1]                       Length : 20
[12Eh 0302   2]                     Reserved : 0000
[130h 0304   4]        Flags (decoded below) : 00000000
                            Physical package : 0
                     ACPI Processor ID valid : 0
                       Processor is a thread : 0
                              Node is a leaf : 0
                    Identical Implementation : 0
[134h 0308   4]                       Parent : 0000003C
[138h 0312   4]            ACPI Processor ID : 00000000
[13Ch 0316   4]      Private Resource Number : 00000003
[140h 0320   4]             Private Resource : 000000E4
[144h 0324   4]             Private Resource : 000000FC
[148h 0328   4]             Private Resource : 00000114

[14Ch 0332   1]                Subtable Type : 00 [Processor Hierarchy Node]
[14Dh 0333   1]                       Length : 14
[14Eh 0334   2]                     Reserved : 0000
[150h 0336   4]        Flags (decoded below) : 0000000E
                            Physical package : 0
                     ACPI Processor ID valid : 1
                       Processor is a thread : 1
                              Node is a leaf : 1
                    Identical Implementation : 0
[154h 0340   4]                       Parent : 0000012C
[158h 0344   4]            ACPI Processor ID : 00000002
[15Ch 0348   4]      Private Resource Number : 00000000

[160h 0352   1]                Subtable Type : 00 [Processor Hierarchy Node]
[161h 0353   1]                       Length : 14
[162h 0354   2]                     Reserved : 0000
[164h 0356   4]        Flags (decoded below) : 0000000E
                            Physical package : 0
                     ACPI Processor ID valid : 1
                       Processor is a thread : 1
                              Node is a leaf : 1
                    Identical Implementation : 0
[168h 0360   4]                       Parent : 0000012C
[16Ch 0364   4]            ACPI Processor ID : 00000003
[170h 0368   4]      Private Resource Number : 00000000

Raw Table Data: Length 372 (0x174)

    0000: 50 50 54 54 74 01 00 00 02 E8 48 56 43 43 20 20  // PPTTt.....HVCC  
    0010: 48 56 43 4F 52 45 20 20 01 00 00 00 48 56 43 43  // HVCORE  ....HVCC
    0020: 01 00 00 00 01 18 00 00 7F 00 00 00 00 00 00 00  // ................
    0030: 00 00 00 01 00 40 00 00 10 0E 40 00 00 18 00 00  // .....@....@.....
    0040: 01 00 00 00 00 00 00 00 00 00 00 00 01 00 00 00  // ................
    0050: 24 00 00 00 01 18 00 00 7F 00 00 00 24 00 00 00  // $...........$...
    0060: 00 00 08 00 00 04 00 00 08 0E 40 00 01 18 00 00  // ..........@.....
    0070: 7F 00 00 00 54 00 00 00 00 80 00 00 40 00 00 00  // ....T.......@...
    0080: 08 06 40 00 01 18 00 00 7F 00 00 00 54 00 00 00  // ..@.........T...
    0090: 00 80 00 00 40 00 00 00 08 02 40 00 00 20 00 00  // ....@.....@.. ..
    00A0: 00 00 00 00 3C 00 00 00 00 00 00 00 03 00 00 00  // ....<...........
    00B0: 54 00 00 00 6C 00 00 00 84 00 00 00 00 14 00 00  // T...l...........
    00C0: 0E 00 00 00 9C 00 00 00 00 00 00 00 00 00 00 00  // ................
    00D0: 00 14 00 00 0E 00 00 00 9C 00 00 00 01 00 00 00  // ................
    00E0: 00 00 00 00 01 18 00 00 7F 00 00 00 24 00 00 00  // ............$...
    00F0: 00 00 08 00 00 04 00 00 08 0E 40 00 01 18 00 00  // ..........@.....
    0100: 7F 00 00 00 E4 00 00 00 00 80 00 00 40 00 00 00  // ............@...
    0110: 08 06 40 00 01 18 00 00 7F 00 00 00 E4 00 00 00  // ..@.............
    0120: 00 80 00 00 40 00 00 00 08 02 40 00 00 20 00 00  // ....@.....@.. ..
    0130: 00 00 00 00 3C 00 00 00 00 00 00 00 03 00 00 00  // ....<...........
    0140: E4 00 00 00 FC 00 00 00 14 01 00 00 00 14 00 00  // ................
    0150: 0E 00 00 00 2C 01 00 00 02 00 00 00 00 00 00 00  // ....,...........
    0160: 00 14 00 00 0E 00 00 00 2C 01 00 00 03 00 00 00  // ........,.......
    0170: 00 00 00 00                                      // ....
