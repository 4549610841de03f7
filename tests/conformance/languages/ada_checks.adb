--  SPDX-License-Identifier: MIT

package body Ada_Checks is

   use type System.Address;

   type Words is array (Unsigned_32 range 0 .. 999) of Unsigned_64;
   type Letters is array (Unsigned_32 range 0 .. 39) of Unsigned_8;
   type Arguments is array (0 .. 1) of Unsigned_64;
   type Callback is access function (Context : System.Address) return Integer_64
     with Convention => C;

   --  struct banos_mutex of <banos/lock.h>
   type Mutex is array (0 .. 7) of Unsigned_64;

   Info  : constant Unsigned_32 := 6;
   Busy  : constant Integer_64 := -16;
   Wrong : constant Integer_64 := -22;
   Ms    : constant Unsigned_64 := 1_000_000;

   function Print_Args
     (Self : Owner; Level : Unsigned_32; Format, Args : System.Address; Count : Unsigned_32)
      return Integer_64
     with Import, Convention => C, External_Name => "banos_print_args";
   function Format_Args
     (Buffer : System.Address; Size : Unsigned_64; Format, Args : System.Address;
      Count  : Unsigned_32) return Integer_64
     with Import, Convention => C, External_Name => "banos_format_args";
   function Alloc (Self : Owner; Size : Unsigned_64; Flags : Unsigned_32) return System.Address
     with Import, Convention => C, External_Name => "banos_alloc";
   function Free (Self : Owner; Memory : System.Address) return Integer_64
     with Import, Convention => C, External_Name => "banos_free";
   function Time return Unsigned_64
     with Import, Convention => C, External_Name => "banos_time_ns";
   function Sleep_Until (Deadline : Unsigned_64; Flags : Unsigned_32) return Integer_64
     with Import, Convention => C, External_Name => "banos_sleep_until";
   function Timer_Create
     (Self : Owner; Run : Callback; Context : System.Address; Timer : System.Address)
      return Integer_64
     with Import, Convention => C, External_Name => "banos_timer_create";
   function Timer_Start (Timer : System.Address; Deadline : Unsigned_64) return Integer_64
     with Import, Convention => C, External_Name => "banos_timer_start";
   function Timer_Destroy (Timer : System.Address) return Integer_64
     with Import, Convention => C, External_Name => "banos_timer_destroy";
   function Thread_Create
     (Self : Owner; Run : Callback; Context, Name, Thread : System.Address) return Integer_64
     with Import, Convention => C, External_Name => "banos_thread_create";
   function Thread_Stop (Thread, Result : System.Address) return Integer_64
     with Import, Convention => C, External_Name => "banos_thread_stop";
   function Mutex_Init (Self : Owner; Lock : System.Address) return Integer_64
     with Import, Convention => C, External_Name => "banos_mutex_init";
   function Mutex_Lock (Lock : System.Address) return Integer_64
     with Import, Convention => C, External_Name => "banos_mutex_lock";
   function Mutex_Trylock (Lock : System.Address) return Integer_64
     with Import, Convention => C, External_Name => "banos_mutex_trylock";
   function Mutex_Unlock (Lock : System.Address) return Integer_64
     with Import, Convention => C, External_Name => "banos_mutex_unlock";
   function Mutex_Destroy (Lock : System.Address) return Integer_64
     with Import, Convention => C, External_Name => "banos_mutex_destroy";

   Passed   : constant String := "PASS: %u checks" & ASCII.NUL;
   Not_True : constant String := "FAIL: check %u" & ASCII.NUL;
   Format   : constant String := "%x and %d" & ASCII.NUL;
   Name     : constant String := "adds" & ASCII.NUL;

   Checks, Failed : Unsigned_64 := 0;
   Ticks          : Unsigned_32 := 0 with Volatile;
   Total          : Unsigned_64 := 0 with Volatile;
   Lock           : Mutex := (others => 0);

   procedure Check (Holds : Boolean) is
   begin
      Checks := Checks + 1;
      if not Holds and then Failed = 0 then
         Failed := Checks;
      end if;
   end Check;

   procedure Try_Memory (Self : Owner) is
      Memory : constant System.Address := Alloc (Self, Words'Size / 8, 0);
      Sum    : Unsigned_64 := 0;
   begin
      Check (Memory /= System.Null_Address);
      if Memory = System.Null_Address then
         return;
      end if;
      declare
         All_Words : Words with Import, Address => Memory;
      begin
         for Word of All_Words loop
            Sum := Sum or Word;
         end loop;
         Check (Sum = 0);
         for I in All_Words'Range loop
            All_Words (I) := Unsigned_64 (I) * Unsigned_64 (I);
         end loop;
         for I in reverse All_Words'Range loop
            Sum := Sum + All_Words (I);
         end loop;
         Check (Sum = 332_833_500);
      end;
      Check (Free (Self, Memory) = 0);
      Check (Free (Self, Memory) = Wrong);
      Check (Alloc (Self, 0, 0) = System.Null_Address);
   end Try_Memory;

   procedure Try_Text is
      Buffer : Letters := (others => 16#ff#);
      Values : Arguments := (16#beef#, 16#ffff_ffff_ffff_fffb#);
      Wanted : constant String := "beef and -5";
      Same   : Boolean := True;
   begin
      Check (Format_Args (Buffer'Address, 40, Format'Address, Values'Address, 2) = 11);
      for I in Wanted'Range loop
         Same := Same and then Buffer (Unsigned_32 (I) - 1) = Character'Pos (Wanted (I));
      end loop;
      Check (Same);
      Check (Buffer (11) = 0 and then Buffer (12) = 16#ff#);
   end Try_Text;

   function Tick (Context : System.Address) return Integer_64 with Convention => C;
   function Tick (Context : System.Address) return Integer_64 is
   begin
      if Context = Lock'Address then
         Ticks := Ticks + 1;
      end if;
      return 0;
   end Tick;

   procedure Try_Timer (Self : Owner) is
      Timer  : aliased System.Address := System.Null_Address;
      Start  : constant Unsigned_64 := Time;
   begin
      Check (Timer_Create (Self, Tick'Access, Lock'Address, Timer'Address) = 0);
      Check (Timer_Start (Timer, Start + 2 * Ms) = 0);
      Check (Sleep_Until (Start + 60 * Ms, 0) = 0);
      Check (Time >= Start + 60 * Ms);
      --  When a timer runs late is promised nowhere.
      for I in 1 .. 200 loop
         exit when Ticks > 0 or else Sleep_Until (Time + 50 * Ms, 0) /= 0;
      end loop;
      Check (Ticks = 1);
      Check (Timer_Destroy (Timer) = 0);
      Check (Timer_Destroy (Timer) = Wrong);
   end Try_Timer;

   function Add (Context : System.Address) return Integer_64 with Convention => C;
   function Add (Context : System.Address) return Integer_64 is
      Error : Integer_64;
   begin
      for I in Unsigned_64 range 1 .. 1000 loop
         Error := Mutex_Lock (Context);
         if Error /= 0 then
            return Error;
         end if;
         Total := Total + I;
         Error := Mutex_Unlock (Context);
      end loop;
      return 17;
   end Add;

   procedure Try_Threads (Self : Owner) is
      type Handles is array (0 .. 2) of System.Address;
      Threads : Handles := (others => System.Null_Address);
      Result  : aliased Integer_64;
      Good    : Boolean := True;
   begin
      Check (Mutex_Init (Self, Lock'Address) = 0);
      for Thread of Threads loop
         Check (Thread_Create (Self, Add'Access, Lock'Address, Name'Address, Thread'Address) = 0);
      end loop;
      for Thread of Threads loop
         Result := 0;
         Good := Good and then Thread_Stop (Thread, Result'Address) = 0 and then Result = 17;
      end loop;
      Check (Good);
      Check (Total = 3 * 500_500);
      Check (Mutex_Lock (Lock'Address) = 0);
      Check (Mutex_Trylock (Lock'Address) = Busy);
      Check (Mutex_Unlock (Lock'Address) = 0);
      Check (Mutex_Destroy (Lock'Address) = 0);
   end Try_Threads;

   function Checks_Init (Self : Owner) return Integer_64 is
      Values : Arguments := (others => 0);
   begin
      Try_Memory (Self);
      Try_Text;
      Try_Timer (Self);
      Try_Threads (Self);
      if Failed /= 0 then
         Values (0) := Failed;
         return Print_Args (Self, Info, Not_True'Address, Values'Address, 1);
      end if;
      Values (0) := Checks;
      return Print_Args (Self, Info, Passed'Address, Values'Address, 1);
   end Checks_Init;

end Ada_Checks;
